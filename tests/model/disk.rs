//! The model as a [`Disk`]: what the programs' steps work on. Every handle is to the same disk.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use os::disk::{Disk, Stat};

use crate::model::journal::{Change, ObjectId, Role};
use crate::model::world::World;

/// A handle.
#[derive(Clone)]
pub struct ModelDisk {
    world: Arc<Mutex<World>>,
    hook: Option<Arc<Hook>>,
}

/// What is called before each call through a handle, with the path if it has one.
pub type Hook = dyn Fn(Call, &Path) + Send + Sync;

/// A call, as far as hooks tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The sync of a directory.
    SyncDir,
    /// Any other.
    Other,
}

/// An open file.
pub struct OpenFile {
    world: Arc<Mutex<World>>,
    object: ObjectId,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut world = self.world.lock().expect("nobody panics with it");
        world.hold(self.object, false);
        world.claimed.remove(&self.object);
    }
}

impl ModelDisk {
    /// A disk with this world on it.
    pub fn new(world: World) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            hook: None,
        }
    }

    /// Another handle, with this hook.
    pub fn hooked(&self, hook: Arc<Hook>) -> Self {
        Self {
            world: Arc::clone(&self.world),
            hook: Some(hook),
        }
    }

    fn enter(&self, call: Call, path: &Path) -> MutexGuard<'_, World> {
        if let Some(hook) = &self.hook {
            hook(call, path);
        }
        self.world()
    }

    /// What is behind it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panics with it")
    }

    /// Says who is at work from here on.
    pub fn act_as(&self, role: Role) {
        self.world().role = role;
    }

    /// Takes the world out, when nobody has a file open any more.
    pub fn into_world(self) -> World {
        let world = Arc::into_inner(self.world).expect("all other handles are gone");
        world.into_inner().expect("nobody panics with it")
    }

    fn opened(&self, object: ObjectId) -> OpenFile {
        OpenFile {
            world: Arc::clone(&self.world),
            object,
        }
    }
}

impl Disk for ModelDisk {
    type File = OpenFile;

    fn create(&mut self, path: &Path, _mode: u32) -> io::Result<OpenFile> {
        let mut world = self.enter(Call::Other, path);
        world.step()?;
        let object = world.create(path)?;
        drop(world);
        Ok(self.opened(object))
    }

    fn open_append(&mut self, path: &Path, mode: u32) -> io::Result<(OpenFile, bool)> {
        let mut world = self.enter(Call::Other, path);
        world.look()?;
        match world.find(path) {
            Ok(object) => {
                world.hold(object, true);
                drop(world);
                Ok((self.opened(object), false))
            }
            Err(_) => {
                drop(world);
                Ok((self.create(path, mode)?, true))
            }
        }
    }

    fn write(&mut self, file: &mut OpenFile, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.enter(Call::Other, Path::new(""));
        world.step()?;
        world.change(file.object, Change::Append(bytes.to_vec()));
        Ok(())
    }

    fn inode(&mut self, file: &OpenFile) -> io::Result<u64> {
        let world = self.enter(Call::Other, Path::new(""));
        world.look()?;
        Ok(world.stat(file.object).inode)
    }

    fn sync(&mut self, file: &mut OpenFile) -> io::Result<()> {
        let mut world = self.enter(Call::Other, Path::new(""));
        world.step()?;
        world.sync_file(file.object);
        Ok(())
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let mut world = self.enter(Call::SyncDir, dir);
        world.step()?;
        world.sync_dir(dir)
    }

    fn claim(&mut self, file: &mut OpenFile) -> io::Result<()> {
        let mut world = self.enter(Call::Other, Path::new(""));
        world.step()?;
        world.claimed.insert(file.object);
        Ok(())
    }

    fn is_claimed(&mut self, path: &Path) -> io::Result<bool> {
        let world = self.enter(Call::Other, path);
        world.look()?;
        Ok(world.claimed.contains(&world.find(path)?))
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.enter(Call::Other, from);
        world.step()?;
        let object = world.find(from)?;
        if world.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (dir, name) = world.split(to)?;
        world.enter(dir, Arc::from(name), object);
        Ok(())
    }

    fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let mut world = self.enter(Call::Other, path);
        world.step()?;
        world.leave(path)
    }

    fn stat(&mut self, path: &Path) -> io::Result<Option<Stat>> {
        let world = self.enter(Call::Other, path);
        world.look()?;
        Ok(world.find(path).ok().map(|object| world.stat(object)))
    }

    fn read(&mut self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let world = self.enter(Call::Other, path);
        world.look()?;
        let content = world.content(world.find(path)?);
        assert!(content.len() as u64 <= bytes_max, "small files");
        Ok(content.to_vec())
    }

    fn mark(&mut self, path: &Path, offset: u64, byte: u8) -> io::Result<()> {
        let mut world = self.enter(Call::Other, path);
        world.step()?;
        let object = world.find(path)?;
        world.change(object, Change::Put(offset, byte));
        Ok(())
    }

    fn set_times(&mut self, path: &Path, _seconds: u64) -> io::Result<()> {
        // Times are of no consequence here: everything is due at once.
        self.enter(Call::Other, path).find(path).map(|_| ())
    }

    fn list(&mut self, dir: &Path) -> io::Result<Vec<OsString>> {
        let world = self.enter(Call::Other, dir);
        world.look()?;
        let dir = world.places.find(dir);
        let dir = dir.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(world.names(dir).map(|name| name.to_os_string()).collect())
    }
}
