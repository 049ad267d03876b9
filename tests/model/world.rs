//! The disk as the programs see it while the power is on, and the journal of what they do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use os::disk::Stat;

use crate::model::image::Image;
use crate::model::journal::{Barrier, Change, Event, Fact, Name, ObjectId, Role};
use crate::model::places::{DirId, Place, Places, Volume};

/// A file.
#[derive(Debug)]
pub struct Object {
    /// Its inode number, which another file may have got later.
    pub number: u64,
    /// Where it is.
    pub volume: Volume,
    /// The directory that it was created in.
    pub place: Place,
    /// What it contained when the journal began.
    pub base: Vec<u8>,
    /// What it contains.
    content: Vec<u8>,
    links: u32,
    open: u32,
    /// When it was created; nobody asks for more.
    pub time: u64,
}

impl Object {
    fn is_in_use(&self) -> bool {
        self.links > 0 || self.open > 0
    }
}

/// The names of all files.
pub type Entries = BTreeMap<(DirId, Name), ObjectId>;

/// The disk, as it is seen.
#[derive(Debug)]
pub struct World {
    /// The directories.
    pub places: Arc<Places>,
    /// The names when the journal began.
    pub base: Entries,
    /// All files that ever were.
    pub objects: Vec<Object>,
    /// Everything that was done.
    pub journal: Vec<Event>,
    /// Who is at work.
    pub role: Role,
    /// The time.
    pub now: u64,
    entries: Entries,
    omitted: BTreeSet<Barrier>,
    /// Files that a living process has claimed.
    pub claimed: BTreeSet<ObjectId>,
    steps: usize,
    trap: Option<Trap>,
    /// Where in the journal the trap closed.
    pub trapped_at: usize,
}

/// Something that happens at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// Every process is killed before the step with this number.
    Kill(usize),
    /// The step with this number fails, and has no effect.
    Fail(usize),
}

impl World {
    /// A disk that has come back after a power cut, or a new one; these barriers do nothing.
    pub fn new(image: &Image, places: Arc<Places>, omitted: &[Barrier]) -> Self {
        let mut world = Self {
            places,
            base: Entries::new(),
            objects: Vec::new(),
            journal: Vec::new(),
            role: Role::Enqueue,
            now: image.now,
            entries: Entries::new(),
            omitted: omitted.iter().copied().collect(),
            claimed: BTreeSet::new(),
            steps: 0,
            trap: None,
            trapped_at: 0,
        };
        for file in &image.files {
            world.objects.push(Object {
                number: file.number,
                volume: file.volume,
                place: file.place,
                base: file.content.clone(),
                content: file.content.clone(),
                links: 0,
                open: 0,
                time: file.time,
            });
        }
        for (dir, name, index) in &image.names {
            world.objects[*index as usize].links += 1;
            world.base.insert((*dir, name.clone()), *index);
        }
        world.entries = world.base.clone();
        world
    }

    /// Sets a trap.
    pub fn set_trap(&mut self, trap: Option<Trap>) {
        self.trap = trap;
    }

    /// Steps so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether every process has been killed.
    pub fn is_dead(&self) -> bool {
        matches!(self.trap, Some(Trap::Kill(step)) if self.steps >= step)
    }

    /// New processes; the disk is as the dead have left it.
    pub fn revive(&mut self) {
        self.trap = None;
    }

    /// Reading is impossible for the dead.
    pub fn look(&self) -> io::Result<()> {
        if self.is_dead() {
            return Err(io::Error::other("killed"));
        }
        Ok(())
    }

    /// Counts a step that changes something.
    pub fn step(&mut self) -> io::Result<()> {
        self.look()?;
        self.steps += 1;
        match self.trap {
            Some(Trap::Kill(step) | Trap::Fail(step)) if step == self.steps => {
                self.trapped_at = self.journal.len();
                Err(io::Error::other("trap"))
            }
            _ => Ok(()),
        }
    }

    /// Notes something that happened elsewhere. The dead do nothing.
    pub fn fact(&mut self, fact: Fact) {
        if !self.is_dead() {
            self.journal.push(Event::Fact(fact));
        }
    }

    /// Lets time pass, in which the system writes everything back.
    pub fn wait(&mut self, seconds: u64) {
        self.now += seconds;
        self.journal.push(Event::Settled(self.now));
    }

    /// The directory and the name that a path says.
    pub fn split<'a>(&self, path: &'a Path) -> io::Result<(DirId, &'a OsStr)> {
        self.places
            .split(path)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file of a path.
    pub fn find(&self, path: &Path) -> io::Result<ObjectId> {
        let (dir, name) = self.split(path)?;
        self.entries
            .get(&(dir, Arc::from(name)))
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes a new file with the lowest free inode number, and opens it.
    pub fn create(&mut self, path: &Path) -> io::Result<ObjectId> {
        let (dir, name) = self.split(path)?;
        let name: Name = Arc::from(name);
        if self.entries.contains_key(&(dir, name.clone())) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let directory = self.places.get(dir);
        let (volume, place) = (directory.volume, directory.place);
        let taken: BTreeSet<u64> = self
            .objects
            .iter()
            .filter(|object| object.volume == volume && object.is_in_use())
            .map(|object| object.number)
            .collect();
        let number = (FIRST_NUMBER..).find(|number| !taken.contains(number));
        let object = ObjectId::try_from(self.objects.len()).expect("few files");
        self.objects.push(Object {
            number: number.expect("few files"),
            volume,
            place,
            base: Vec::new(),
            content: Vec::new(),
            links: 0,
            open: 1,
            time: self.now,
        });
        self.enter(dir, name, object);
        Ok(object)
    }

    /// Gives a file a name that is free.
    pub fn enter(&mut self, dir: DirId, name: Name, object: ObjectId) {
        self.objects[object as usize].links += 1;
        self.entries.insert((dir, name.clone()), object);
        self.journal.push(Event::Entry(dir, name, Some(object)));
    }

    /// Takes a name away.
    pub fn leave(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.split(path)?;
        let name: Name = Arc::from(name);
        let Some(object) = self.entries.remove(&(dir, name.clone())) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.objects[object as usize].links -= 1;
        self.journal.push(Event::Entry(dir, name, None));
        Ok(())
    }

    /// Opens a file, or closes it.
    pub fn hold(&mut self, object: ObjectId, is_open: bool) {
        let open = &mut self.objects[object as usize].open;
        *open = if is_open {
            *open + 1
        } else {
            open.saturating_sub(1)
        };
    }

    /// Changes a file's content.
    pub fn change(&mut self, object: ObjectId, change: Change) {
        change.apply(&mut self.objects[object as usize].content);
        self.journal.push(Event::Data(object, change));
    }

    /// Makes a file's content durable, unless this barrier is left out.
    pub fn sync_file(&mut self, object: ObjectId) {
        let barrier = Barrier::of_file(self.objects[object as usize].place);
        if barrier.is_none_or(|barrier| !self.omitted.contains(&barrier)) {
            self.journal.push(Event::FileSynced(object));
        }
    }

    /// Makes a directory's names durable, unless this barrier is left out.
    pub fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let dir = self.places.find(path);
        let dir = dir.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let barrier = Barrier::of_dir(self.places.get(dir).place, self.role);
        if barrier.is_none_or(|barrier| !self.omitted.contains(&barrier)) {
            self.journal.push(Event::DirSynced(dir));
        }
        Ok(())
    }

    /// The content of a file.
    pub fn content(&self, object: ObjectId) -> &[u8] {
        &self.objects[object as usize].content
    }

    /// What stat(2) says.
    pub fn stat(&self, object: ObjectId) -> Stat {
        let object = &self.objects[object as usize];
        Stat {
            inode: object.number,
            size: u64::try_from(object.content.len()).expect("small files"),
            uid: 0,
            mode: 0o600,
            mtime: object.time,
            atime: object.time,
            ctime: object.time,
            is_file: true,
        }
    }

    /// The names in a directory.
    pub fn names(&self, dir: DirId) -> impl Iterator<Item = &Name> {
        self.entries
            .range((dir, Arc::from(OsStr::new("")))..)
            .take_while(move |((of, _), _)| *of == dir)
            .map(|((_, name), _)| name)
    }

    /// All files by their directories.
    pub fn files(&self) -> impl Iterator<Item = (Place, &Name, &[u8])> {
        self.entries.iter().map(|((dir, name), object)| {
            let place = self.places.get(*dir).place;
            (place, name, self.content(*object))
        })
    }
}

/// As good as any; low numbers are used by the file system itself.
const FIRST_NUMBER: u64 = 100;
