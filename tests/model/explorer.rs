//! Lives of messages, cut off after every event, and what becomes of every disk that can come back.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::disk::ModelDisk;
use crate::model::image::Image;
use crate::model::journal::{Barrier, Event};
use crate::model::judge::{Facts, Judge, Violation};
use crate::model::letters::Letter;
use crate::model::mailer::Mailer;
use crate::model::places::{Places, Volume};
use crate::model::survivors::{Persistence, Seen, Survivors};
use crate::model::world::{Trap, World};

/// What happens, and on which disks.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The first is sent when the queue is empty, the second when the first has gone, so that it
    /// gets its number. One more is sent after each power cut.
    pub letters: Arc<[Letter]>,
    /// Where the maildir is.
    pub maildir_on: Volume,
    /// What the file systems promise.
    pub persistence: Persistence,
    /// Syncs that do nothing.
    pub omitted: Vec<Barrier>,
    /// How many power cuts, at most, follow each other.
    pub cuts: usize,
    /// Whether qmail-send finds a message before its qmail-queue has ended.
    pub is_found_early: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Tally {
    /// Different disks that came back.
    pub states: usize,
    /// Broken promises.
    pub violations: BTreeMap<Violation, usize>,
    /// How the first of each kind came about.
    pub traces: BTreeMap<Violation, String>,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// To the end.
    Everything,
    /// To the first broken promise of this kind.
    Until(Violation),
    /// To the end, but only one of so many states is looked at.
    OneOf(u32),
}

/// Explores a scenario.
pub fn explore(scenario: &Scenario, thoroughness: Thoroughness) -> Tally {
    let mut explorer = Explorer::new(scenario, thoroughness);
    let world = explorer.live(None);
    explorer.cut(&world, None);
    explorer.finish()
}

/// Explores a scenario in which every process is killed, or one step fails, at every step in turn;
/// the programs are started again, and the power is cut some time after that.
pub fn explore_traps(
    scenario: &Scenario,
    trap: fn(usize) -> Trap,
    thoroughness: Thoroughness,
) -> Tally {
    let mut explorer = Explorer::new(scenario, thoroughness);
    let mut step = 1;
    loop {
        let world = explorer.live(Some(trap(step)));
        if world.steps() < step || explorer.is_enough() {
            return explorer.finish();
        }
        explorer.cut(&world, None);
        step += 1;
    }
}

/// A power cut after some event: what is there then.
struct Cut<'a> {
    image: Image,
    facts: Facts,
    /// The life that it ended, and how long that was.
    world: &'a World,
    position: usize,
    /// The cut after which that life began.
    before: Option<&'a Self>,
}

impl Cut<'_> {
    fn level(&self) -> usize {
        self.before.map_or(0, |before| before.level() + 1)
    }

    /// How it came about.
    fn trace(&self) -> String {
        let mut text = match self.before {
            Some(before) => before.trace(),
            None => String::new(),
        };
        text.push_str(&listing(self.world, self.position + 1));
        text.push_str("POWER CUT, and there is:\n");
        for (dir, name, file) in self.image.named() {
            let path = &self.world.places.get(dir).path;
            let content = file.content.escape_ascii();
            text.push_str(&format!("  {path}/{} = {content}\n", name.display()));
        }
        text.push_str("RESTART\n");
        text
    }
}

struct Explorer<'a> {
    scenario: &'a Scenario,
    places: Arc<Places>,
    thoroughness: Thoroughness,
    seen: Seen,
    tally: Tally,
}

impl<'a> Explorer<'a> {
    fn new(scenario: &'a Scenario, thoroughness: Thoroughness) -> Self {
        Self {
            scenario,
            places: Arc::new(Places::new(scenario.maildir_on)),
            thoroughness,
            seen: Seen::new(match thoroughness {
                Thoroughness::OneOf(count) => count,
                Thoroughness::Everything | Thoroughness::Until(_) => 1,
            }),
            tally: Tally::default(),
        }
    }

    fn finish(self) -> Tally {
        Tally {
            states: self.seen.count(),
            ..self.tally
        }
    }

    fn is_enough(&self) -> bool {
        match self.thoroughness {
            Thoroughness::Until(violation) => self.tally.violations.contains_key(&violation),
            Thoroughness::Everything | Thoroughness::OneOf(_) => false,
        }
    }

    fn disk(&self, image: &Image) -> ModelDisk {
        let places = Arc::clone(&self.places);
        ModelDisk::new(World::new(image, places, &self.scenario.omitted))
    }

    /// The life of two letters, on a disk that is empty and never loses power. A trap may close in
    /// between; then the programs are started again.
    fn live(&self, trap: Option<Trap>) -> World {
        let disk = self.disk(&Image::default());
        disk.world().set_trap(trap);
        let mut sent = 0;
        while sent < 2 {
            let mut mailer = if self.scenario.is_found_early {
                Mailer::finding_early(&disk, &self.scenario.letters)
            } else {
                Mailer::new(&disk, &self.scenario.letters)
            };
            mailer.start();
            mailer.run();
            while sent < 2 && !disk.world().is_dead() {
                mailer.submit(&self.scenario.letters[sent]);
                sent += 1;
                mailer.run();
            }
            if disk.world().is_dead() {
                disk.world().revive();
                let mut mailer = Mailer::new(&disk, &self.scenario.letters);
                mailer.start();
                mailer.run();
            }
        }
        disk.into_world()
    }

    /// Cuts the power after every event of a world's journal, which began after another cut.
    fn cut(&mut self, world: &World, before: Option<&Cut<'_>>) {
        let (now, mut facts) = match before {
            Some(before) => (before.image.now, before.facts.clone()),
            None => (0, Facts::default()),
        };
        let mut survivors = Survivors::new(world, self.scenario.persistence, now);
        for (position, event) in world.journal.iter().enumerate() {
            if let Event::Fact(fact) = event {
                facts.add(fact);
            }
            let Some(newest) = survivors.follow(event) else {
                continue;
            };
            // Before the trap closes this is a life without a trap.
            if position < world.trapped_at || self.is_enough() {
                continue;
            }
            for image in survivors.enumerate(&newest, facts.fingerprint(), &mut self.seen) {
                self.recover(&Cut {
                    image,
                    facts: facts.clone(),
                    world,
                    position,
                    before,
                });
            }
        }
    }

    /// Starts the programs after a power cut. A new letter comes when all is over, or at once.
    fn recover(&mut self, cut: &Cut<'_>) {
        let newcomer = &self.scenario.letters[2 + cut.level()];
        for comes_at_once in [false, true] {
            if self.is_enough() {
                return;
            }
            let disk = self.disk(&cut.image);
            let mut mailer = Mailer::new(&disk, &self.scenario.letters);
            let mut is_accepted = true;
            if comes_at_once {
                is_accepted = mailer.submit(newcomer);
            }
            mailer.start();
            mailer.run();
            mailer.clean_up_later();
            if !comes_at_once {
                is_accepted = mailer.submit(newcomer);
                mailer.run();
            }
            drop(mailer);
            let world = disk.into_world();
            if let Err((violation, told)) = self.judge(cut, &world, is_accepted) {
                self.note(violation, &told, cut, &world);
            }
            if cut.level() + 1 < self.scenario.cuts {
                self.cut(&world, Some(cut));
            }
        }
    }

    fn judge(
        &self,
        cut: &Cut<'_>,
        world: &World,
        is_accepted: bool,
    ) -> Result<(), (Violation, String)> {
        let letters = &self.scenario.letters;
        let judge = Judge::new(letters, &self.places, &cut.image, &cut.facts);
        let mut facts = cut.facts.clone();
        for event in &world.journal {
            if let Event::Fact(fact) = event {
                facts.add(fact);
            }
        }
        judge.judge(world, &facts)?;
        if is_accepted {
            Ok(())
        } else {
            Err((Violation::Refused, String::from("a new letter")))
        }
    }

    fn note(&mut self, violation: Violation, told: &str, cut: &Cut<'_>, world: &World) {
        *self.tally.violations.entry(violation).or_default() += 1;
        self.tally.traces.entry(violation).or_insert_with(|| {
            let mut trace = cut.trace();
            trace.push_str(&listing(world, world.journal.len()));
            format!("{trace}{violation:?}: {told}\n")
        });
    }
}

/// The beginning of a journal.
fn listing(world: &World, count: usize) -> String {
    let mut text = String::new();
    for event in &world.journal[..count] {
        let line = match event {
            Event::Entry(dir, name, Some(object)) => {
                let path = &world.places.get(*dir).path;
                format!("{path}/{} is file {object}", name.display())
            }
            Event::Entry(dir, name, None) => {
                format!("{}/{} is gone", world.places.get(*dir).path, name.display())
            }
            Event::Data(object, change) => format!("file {object}: {change:?}"),
            Event::FileSynced(object) => format!("file {object} synced"),
            Event::DirSynced(dir) => format!("{} synced", world.places.get(*dir).path),
            Event::Settled(now) => format!("everything synced, at {now}"),
            Event::Fact(fact) => format!("{fact:?}"),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}
