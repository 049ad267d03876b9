//! Whether everybody has the mail that is theirs, in whole and once, and the queue is at rest.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::image::Image;
use crate::model::journal::Fact;
use crate::model::letters::{Copy, Letter, What};
use crate::model::places::{Place, Places};
use crate::model::world::World;

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Violation {
    /// An acknowledged letter did not reach a recipient, and its sender was not told.
    Lost,
    /// A copy that nobody has sent, or an unacknowledged letter for a part of its recipients.
    Torn,
    /// A copy in the wrong hands.
    Misdelivered,
    /// A message that stays in the queue for ever.
    Stuck,
    /// A second copy although the first one's mark was on the disk.
    Duplicate,
    /// A new letter is not accepted any more.
    Refused,
}

/// What is known outside of the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Letters that were acknowledged.
    acknowledged: BTreeSet<usize>,
    /// Copies that remote hosts have, in order of content.
    sent: Vec<Copy>,
}

impl Facts {
    /// One more.
    pub fn add(&mut self, fact: &Fact) {
        match fact {
            Fact::Acknowledged(letter) => {
                self.acknowledged.insert(*letter);
            }
            Fact::Sent(copy) => {
                self.sent.push(copy.clone());
                self.sent.sort_unstable();
            }
        }
    }

    /// A number for all of them.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// The queue and the mailboxes after a power cut, before anything was started.
pub struct Judge<'a> {
    letters: &'a [Letter],
    /// All copies before the restart.
    before: Vec<Copy>,
    /// Recipients' files, files in todo/, and files in bounce/.
    channels: Vec<&'a [u8]>,
    todo: Vec<&'a [u8]>,
    notes: Vec<&'a [u8]>,
}

impl<'a> Judge<'a> {
    /// Looks at what has survived.
    pub fn new(letters: &'a [Letter], places: &Places, image: &'a Image, facts: &Facts) -> Self {
        let mut judge = Self {
            letters,
            before: facts.sent.clone(),
            channels: Vec::new(),
            todo: Vec::new(),
            notes: Vec::new(),
        };
        for (dir, _, file) in image.named() {
            match places.get(dir).place {
                Place::New => judge.before.push(mail(&file.content, letters)),
                Place::Local | Place::Remote => judge.channels.push(&file.content),
                Place::Bounce => judge.notes.push(&file.content),
                Place::Todo => judge.todo.push(&file.content),
                Place::Pid | Place::Mess | Place::Intd | Place::Info | Place::Tmp => {}
            }
        }
        judge
    }

    /// Looks at what has become of it, when nothing moves any more.
    pub fn judge(&self, after: &World, facts: &Facts) -> Result<(), (Violation, String)> {
        let mut copies = facts.sent.clone();
        let mut left = Vec::new();
        for (place, name, content) in after.files() {
            match place {
                Place::New => copies.push(mail(content, self.letters)),
                Place::Mess | Place::Todo | Place::Info | Place::Pid => {
                    left.push(format!("{place:?}/{}", name.display()));
                }
                // Litter, without a message: no harm, as long as the next message of that number
                // gets past it, which the letters that come after a recovery try.
                Place::Intd | Place::Local | Place::Remote | Place::Bounce | Place::Tmp => {}
            }
        }
        for copy in &copies {
            match copy.what {
                What::Foreign => return Err((Violation::Misdelivered, format!("{copy:?}"))),
                What::Torn => return Err((Violation::Torn, format!("{copy:?}"))),
                What::Letter(_) | What::Notice(..) => {}
            }
        }
        if !left.is_empty() {
            return Err((Violation::Stuck, left.join(" ")));
        }
        for letter in self.letters {
            self.judge_letter(letter, &copies, facts)?;
        }
        Ok(())
    }

    fn judge_letter(
        &self,
        letter: &Letter,
        copies: &[Copy],
        facts: &Facts,
    ) -> Result<(), (Violation, String)> {
        let is_accounted = |recipient: &&&str| {
            copies.iter().any(|copy| match &copy.what {
                What::Letter(number) => *number == letter.number && copy.recipient == **recipient,
                What::Notice(number, failed) => {
                    *number == letter.number && failed.iter().any(|one| one == **recipient)
                }
                What::Foreign | What::Torn => false,
            })
        };
        let accounted = letter.recipients.iter().filter(is_accounted).count();
        if accounted < letter.recipients.len() {
            let told = format!("letter {}: {accounted} accounted for", letter.number);
            if facts.acknowledged.contains(&letter.number) {
                return Err((Violation::Lost, told));
            }
            if accounted > 0 {
                return Err((Violation::Torn, told));
            }
        }
        for recipient in letter.recipients {
            let is_copy = |copy: &&Copy| {
                copy.recipient == *recipient && copy.what == What::Letter(letter.number)
            };
            let excuses = naming(&self.channels, recipient);
            self.count(is_copy, excuses, copies, recipient)?;
        }
        // A failure that is not marked, or a note that is not removed, makes another notice; and
        // each notice in the queue is a letter like others.
        let is_notice = |copy: &&Copy| matches!(&copy.what, What::Notice(number, _) if *number == letter.number);
        let is_noted = letter.recipients.iter().any(|recipient| {
            let paragraph = format!("<{recipient}>").into_bytes();
            containing(&self.notes, &paragraph) + naming(&self.channels, recipient) > 0
        });
        let excuses = usize::from(is_noted)
            + naming(&self.channels, letter.sender)
            + naming(&self.todo, letter.sender);
        self.count(is_notice, excuses, copies, letter.sender)
    }

    fn count(
        &self,
        is_copy: impl Fn(&&Copy) -> bool,
        excuses: usize,
        copies: &[Copy],
        recipient: &str,
    ) -> Result<(), (Violation, String)> {
        let before = self.before.iter().filter(&is_copy).count();
        let after = copies.iter().filter(&is_copy).count();
        if after > before.max(1) + excuses {
            let told = format!("{recipient}: {before} copies before, {after} after");
            return Err((Violation::Duplicate, told));
        }
        Ok(())
    }
}

/// How many of these files have a recipient as one to be tried.
fn naming(files: &[&[u8]], recipient: &str) -> usize {
    containing(files, format!("T{recipient}\0").as_bytes())
}

fn containing(files: &[&[u8]], part: &[u8]) -> usize {
    let contains = |file: &&&[u8]| file.windows(part.len()).any(|window| window == part);
    files.iter().filter(contains).count()
}

/// A file in the maildir.
fn mail(content: &[u8], letters: &[Letter]) -> Copy {
    let parts = content
        .strip_prefix(b"To: ")
        .and_then(|rest| Some(rest.split_at(rest.iter().position(|&byte| byte == b'\n')?)));
    match parts {
        Some((recipient, rest)) => Copy::read(recipient, &rest[1..], letters),
        None => Copy {
            recipient: String::new(),
            what: What::Torn,
        },
    }
}
