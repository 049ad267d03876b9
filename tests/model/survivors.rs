//! Every state in which a disk can come back when the power is cut after some event of a journal.
//!
//! What was synced is there. Of the rest there is, under [`Persistence::Ordered`], the changes of
//! names of a whole file system up to some moment (a journal, as of ext4 or xfs; any sync on that
//! file system commits it all), under [`Persistence::Strict`] the changes of names of each directory
//! up to some moment of its own (no more than POSIX promises; the sync of a file says nothing about
//! its names). Under both, each file's unsynced changes of content are there up to some moment of its
//! own, and the last of them perhaps by half.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::model::image::{FileImage, Image};
use crate::model::journal::{Change, Event, Name, ObjectId};
use crate::model::places::{DirId, Place, Places};
use crate::model::world::{Entries, World};

/// What a file system does with changes that nobody has synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// Changes of names stay in order within a file system.
    Ordered,
    /// Changes of names stay in order within a directory only.
    Strict,
}

/// Identifies a state, by what programs can see of it.
type Key = u128;

/// The states that were found.
#[derive(Debug)]
pub struct Seen {
    keys: HashSet<Key>,
    one_of: Key,
}

impl Seen {
    /// None yet; of so many, only one is to be looked at.
    pub fn new(one_of: u32) -> Self {
        Self {
            keys: HashSet::new(),
            one_of: Key::from(one_of),
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Says whether it is new, and to be looked at.
    fn insert(&mut self, key: Key) -> bool {
        self.keys.insert(key) && key.is_multiple_of(self.one_of)
    }
}

/// The journal up to some event, as far as it matters to a disk.
pub struct Survivors<'a> {
    world: &'a World,
    persistence: Persistence,
    now: u64,
    entries: Entries,
    /// Unsynced changes of names, of a file system or of a directory.
    groups: BTreeMap<u16, Vec<(DirId, Name, Option<ObjectId>)>>,
    /// Synced contents.
    contents: Vec<Vec<u8>>,
    /// Unsynced changes of contents.
    changes: BTreeMap<ObjectId, Vec<Change>>,
}

/// Which states an event has added: only those with its effect.
pub enum Newest {
    /// It changed names.
    Group(u16),
    /// It changed a file.
    Object(ObjectId),
    /// The states are as before, but something else has changed.
    Nothing,
}

impl<'a> Survivors<'a> {
    /// Before the first event of this world's journal.
    pub fn new(world: &'a World, persistence: Persistence, now: u64) -> Self {
        Self {
            world,
            persistence,
            now,
            entries: world.base.clone(),
            groups: BTreeMap::new(),
            contents: world
                .objects
                .iter()
                .map(|object| object.base.clone())
                .collect(),
            changes: BTreeMap::new(),
        }
    }

    fn places(&self) -> &Places {
        &self.world.places
    }

    fn group(&self, dir: DirId) -> u16 {
        match self.persistence {
            Persistence::Ordered => self.places().get(dir).volume as u16,
            Persistence::Strict => dir,
        }
    }

    /// Takes the next event in. The states after it are those before it, without any that a sync has
    /// made impossible, and those that [`Self::enumerate`] adds.
    pub fn follow(&mut self, event: &Event) -> Option<Newest> {
        match event {
            Event::Entry(dir, name, object) => {
                let group = self.group(*dir);
                let change = (*dir, name.clone(), *object);
                self.groups.entry(group).or_default().push(change);
                Some(Newest::Group(group))
            }
            Event::Data(object, change) => {
                let changes = self.changes.entry(*object).or_default();
                changes.push(change.clone());
                Some(Newest::Object(*object))
            }
            Event::FileSynced(object) => {
                self.fold_content(*object);
                if self.persistence == Persistence::Ordered {
                    self.fold_names(self.world.objects[*object as usize].volume as u16);
                }
                None
            }
            Event::DirSynced(dir) => {
                self.fold_names(self.group(*dir));
                None
            }
            Event::Settled(now) => {
                self.now = *now;
                self.settle();
                Some(Newest::Nothing)
            }
            Event::Fact(_) => Some(Newest::Nothing),
        }
    }

    /// Everything is on the disk.
    fn settle(&mut self) {
        for object in self.changes.keys().copied().collect::<Vec<_>>() {
            self.fold_content(object);
        }
        for group in self.groups.keys().copied().collect::<Vec<_>>() {
            self.fold_names(group);
        }
    }

    fn fold_content(&mut self, object: ObjectId) {
        for change in self.changes.remove(&object).unwrap_or_default() {
            change.apply(&mut self.contents[object as usize]);
        }
    }

    fn fold_names(&mut self, group: u16) {
        let changes = self.groups.remove(&group).unwrap_or_default();
        apply(&mut self.entries, &changes);
    }

    /// The states that the last event has added, and that were not found before.
    pub fn enumerate(&self, newest: &Newest, salt: u64, seen: &mut Seen) -> Vec<Image> {
        let mut found = Vec::new();
        let contents = self.possible_contents(newest);
        let groups: Vec<_> = self.groups.iter().collect();
        let ranges: Vec<_> = groups
            .iter()
            .map(|(group, changes)| match newest {
                Newest::Group(newest) if newest == *group => changes.len()..=changes.len(),
                _ => 0..=changes.len(),
            })
            .collect();
        for_each_choice(&ranges, |choice| {
            let mut entries = self.entries.clone();
            for ((_, changes), count) in groups.iter().zip(choice) {
                apply(&mut entries, &changes[..*count]);
            }
            entries.retain(|(dir, _), _| self.places().get(*dir).place != Place::Tmp);
            self.enumerate_contents(&entries, newest, &contents, &mut |state| {
                let is_new = seen.insert(state.key(salt));
                found.extend(is_new.then(|| state.image()));
            });
        });
        found
    }

    /// For each file with unsynced changes, what it may contain.
    fn possible_contents(&self, newest: &Newest) -> BTreeMap<ObjectId, Vec<Vec<u8>>> {
        let possible = |(object, changes): (&ObjectId, &Vec<Change>)| {
            let mut content = self.contents[*object as usize].clone();
            let mut possible = vec![content.clone()];
            let mut count_before = 0;
            for change in changes {
                count_before = possible.len();
                let mut half = content.clone();
                let is_half = change.apply_half(&mut half);
                possible.extend(is_half.then_some(half));
                change.apply(&mut content);
                possible.push(content.clone());
            }
            if matches!(newest, Newest::Object(newest) if newest == object) {
                possible.drain(..count_before);
            }
            (*object, possible)
        };
        self.changes.iter().map(possible).collect()
    }

    fn enumerate_contents(
        &self,
        entries: &Entries,
        newest: &Newest,
        contents: &BTreeMap<ObjectId, Vec<Vec<u8>>>,
        visit: &mut dyn FnMut(&State<'_>),
    ) {
        let mut dirty: Vec<ObjectId> = entries
            .values()
            .copied()
            .filter(|object| contents.contains_key(object))
            .collect();
        dirty.sort_unstable();
        dirty.dedup();
        if matches!(newest, Newest::Object(object) if !dirty.contains(object)) {
            return;
        }
        let ranges: Vec<_> = dirty
            .iter()
            .map(|object| 0..=contents[object].len() - 1)
            .collect();
        for_each_choice(&ranges, |choice| {
            let chosen = dirty
                .iter()
                .zip(choice)
                .map(|(object, choice)| (*object, contents[object][*choice].as_slice()))
                .collect();
            visit(&State {
                survivors: self,
                entries,
                chosen,
            });
        });
    }
}

fn apply(entries: &mut Entries, changes: &[(DirId, Name, Option<ObjectId>)]) {
    for (dir, name, object) in changes {
        match object {
            Some(object) => entries.insert((*dir, name.clone()), *object),
            None => entries.remove(&(*dir, name.clone())),
        };
    }
}

/// Calls `visit` with every way to choose one number of each range.
fn for_each_choice(ranges: &[std::ops::RangeInclusive<usize>], mut visit: impl FnMut(&[usize])) {
    let mut choice: Vec<usize> = ranges.iter().map(|range| *range.start()).collect();
    loop {
        visit(&choice);
        let Some(place) = choice
            .iter()
            .zip(ranges)
            .position(|(chosen, range)| chosen < range.end())
        else {
            return;
        };
        choice[place] += 1;
        for (chosen, range) in choice.iter_mut().zip(ranges).take(place) {
            *chosen = *range.start();
        }
    }
}

/// A number for some bytes, and for all else that makes two equal states different, by the method of Fowler, Noll and Vo, eight bytes at a time: this is
/// where most of the time goes, and an unoptimized SipHash takes ten times as long.
fn fingerprint(salt: u64, bytes: &[u8]) -> Key {
    let mut key = OFFSET ^ u128::from(salt);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        key = (key ^ u128::from(u64::from_le_bytes(word))).wrapping_mul(PRIME);
        key = key.rotate_left(29);
    }
    key
}

/// Of the 128-bit FNV.
const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
/// Of the 128-bit FNV.
const PRIME: u128 = (1 << 88) + 0x13b;

/// One state.
struct State<'a> {
    survivors: &'a Survivors<'a>,
    entries: &'a Entries,
    chosen: BTreeMap<ObjectId, &'a [u8]>,
}

impl State<'_> {
    fn content(&self, object: ObjectId) -> &[u8] {
        match self.chosen.get(&object) {
            Some(content) => content,
            None => &self.survivors.contents[object as usize],
        }
    }

    /// Names in a maildir are made from the time and mean nothing: only the contents count.
    fn key(&self, salt: u64) -> Key {
        let mut bytes = Vec::with_capacity(1024);
        let mut mailbox: Vec<(&[u8], u64)> = Vec::new();
        let world = self.survivors.world;
        for ((dir, name), object) in self.entries {
            let number = world.objects[*object as usize].number;
            if world.places.get(*dir).place.is_mailbox() {
                mailbox.push((self.content(*object), number));
                continue;
            }
            bytes.extend_from_slice(&dir.to_le_bytes());
            bytes.extend_from_slice(name.as_encoded_bytes());
            bytes.push(b'/');
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(self.content(*object));
            bytes.push(b'/');
        }
        mailbox.sort_unstable();
        for (content, number) in mailbox {
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(content);
            bytes.push(b'/');
        }
        fingerprint(salt, &bytes)
    }

    fn image(&self) -> Image {
        let world = self.survivors.world;
        let mut image = Image {
            now: self.survivors.now,
            ..Image::default()
        };
        let mut indices = BTreeMap::new();
        for ((dir, name), object) in self.entries {
            let index = *indices.entry(*object).or_insert_with(|| {
                let file = &world.objects[*object as usize];
                image.files.push(FileImage {
                    number: file.number,
                    volume: file.volume,
                    place: file.place,
                    content: self.content(*object).to_vec(),
                    time: file.time,
                });
                ObjectId::try_from(image.files.len() - 1).expect("few files")
            });
            image.names.push((*dir, Arc::clone(name), index));
        }
        image
    }
}
