//! A qmail-queue that was stopped for so long that its files count as leftovers, and goes on just
//! when they are removed (INTERNALS section 7).

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use os::disk::Disk;
use queue::clean::{Request, carry_out};
use queue::eliminate::is_leftover;
use queue::envelope::origin;
use queue::message::{EnqueueError, Enveloped, Message};
use queue::{MessageId, Queue, channel, info};

use super::{LOCAL, letter};
use crate::model::disk::{Call, ModelDisk};
use crate::model::image::Image;
use crate::model::letters::{Copy, Letter, What};
use crate::model::mailer::Mailer;
use crate::model::places::{Place, Places, Volume};
use crate::model::schedule::{Baton, Program, in_every_order};
use crate::model::world::World;

const LETTER: Letter = LOCAL[0];

/// How leftovers are cleaned up.
type Cleaning = fn(&mut ModelDisk, &Queue, MessageId) -> io::Result<()>;

/// One order: what there is after it.
struct Outcome {
    disk: ModelDisk,
    is_accepted: Arc<Mutex<bool>>,
}

/// Both programs, from the moment when qmail-queue has written the message and was stopped.
fn prepare(baton: &Arc<Baton>, has_envelope: bool, cleaning: Cleaning) -> ([Program; 2], Outcome) {
    let places = Arc::new(Places::new(Volume::Queue));
    let disk = ModelDisk::new(World::new(&Image::default(), places, &[]));
    let queue = Queue::here();
    let mut message = Message::create(disk.hooked(baton.hook(0)), &queue, 7, 0).unwrap();
    message.write(&LETTER.body()).unwrap();
    let id = message.id();
    let is_accepted = Arc::new(Mutex::new(false));
    let accepted = Arc::clone(&is_accepted);
    let submission: Program = if has_envelope {
        let enveloped = message.envelope().and_then(write_envelope).unwrap();
        Box::new(move || *accepted.lock().unwrap() = enveloped.commit().is_ok())
    } else {
        Box::new(move || {
            let enveloped = message.envelope().and_then(write_envelope);
            *accepted.lock().unwrap() = enveloped.and_then(Enveloped::commit).is_ok();
        })
    };
    disk.world().wait(LATER_S);
    let mut cleaner = disk.hooked(baton.hook(1));
    let cleanup: Program = Box::new(move || {
        let _told = cleaning(&mut cleaner, &queue, id);
    });
    let outcome = Outcome { disk, is_accepted };
    ([submission, cleanup], outcome)
}

fn write_envelope(
    mut enveloped: Enveloped<ModelDisk>,
) -> Result<Enveloped<ModelDisk>, EnqueueError> {
    enveloped.write(&origin(1000, 7))?;
    enveloped.write(&info::encode(LETTER.sender.as_bytes()))?;
    enveloped.write(&channel::encode(LETTER.recipients[0].as_bytes()))?;
    Ok(enveloped)
}

/// Whether the letter was accepted and then not delivered.
fn is_lost(outcome: &Outcome) -> bool {
    let letters: Arc<[Letter]> = Arc::new([LETTER, letter(2, "s2", &["l2"])]);
    let mut mailer = Mailer::new(&outcome.disk, &letters);
    mailer.run();
    let world = outcome.disk.world();
    let mut copies = 0;
    for (place, _, content) in world.files() {
        if place == Place::New {
            let body = content.strip_prefix(b"To: l1\n").unwrap();
            assert_eq!(Copy::read(b"l1", body, &letters).what, What::Letter(1));
            copies += 1;
        }
    }
    assert!(copies < 2);
    *outcome.is_accepted.lock().unwrap() && copies == 0
}

/// Orders, and how many of them lose an accepted letter.
fn orders(has_envelope: bool, cleaning: Cleaning) -> (usize, usize) {
    let mut lost = 0;
    let orders = in_every_order(
        |baton| prepare(baton, has_envelope, cleaning),
        |outcome| lost += usize::from(is_lost(&outcome)),
    );
    (orders, lost)
}

fn shipped(disk: &mut ModelDisk, queue: &Queue, id: MessageId) -> io::Result<()> {
    if is_leftover(disk, queue, id, LATER_S)? {
        carry_out(disk, queue, Request::Foop(id))?;
    }
    Ok(())
}

/// When another qmail-queue than ours wrote the message, which claims nothing.
fn blind_to_claims(disk: &mut ModelDisk, queue: &Queue, id: MessageId) -> io::Result<()> {
    if !disk.exists(&queue.info(id))? && !disk.exists(&queue.todo(id))? {
        carry_out(disk, queue, Request::Foop(id))?;
    }
    Ok(())
}

/// As the original: intd/N, then mess/N.
fn without_a_second_look(disk: &mut ModelDisk, queue: &Queue, id: MessageId) -> io::Result<()> {
    disk.unlink_if_there(&queue.intd(id))?;
    disk.unlink_if_there(&queue.mess(id))
}

/// The wrong way round: what was seen may change until intd/N is gone.
fn looking_too_early(disk: &mut ModelDisk, queue: &Queue, id: MessageId) -> io::Result<()> {
    if disk.exists(&queue.todo(id))? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    without_a_second_look(disk, queue, id)
}

#[track_caller]
fn check(has_envelope: bool, cleaning: Cleaning) {
    let (orders, lost) = orders(has_envelope, cleaning);
    assert!(orders > 20, "only {orders} orders");
    assert_eq!(lost, 0, "of {orders} orders");
}

#[test]
fn a_message_with_an_envelope_that_is_accepted_during_the_cleanup_is_kept() {
    check(true, shipped);
    check(true, blind_to_claims);
}

/// Until qmail-queue has made intd/N there is nothing whose removal could stop it: what protects
/// the message is that it has a claim on mess/N.
#[test]
fn a_message_without_an_envelope_that_is_accepted_during_the_cleanup_is_kept() {
    check(false, shipped);
    let (_, lost) = orders(false, blind_to_claims);
    assert!(lost > 0, "then the claim would not be needed");
}

#[test]
fn without_the_second_look_an_accepted_message_is_lost() {
    for cleaning in [without_a_second_look as Cleaning, looking_too_early] {
        let (_, lost) = orders(true, cleaning);
        assert!(lost > 0);
    }
}

#[test]
fn every_order_is_tried_once() {
    let prepare = |baton: &Arc<Baton>| ([three_calls(baton, 0), three_calls(baton, 1)], ());
    assert_eq!(in_every_order(prepare, |()| {}), 20, "3 of 6 places");
}

fn three_calls(baton: &Arc<Baton>, program: usize) -> Program {
    let hook = baton.hook(program);
    Box::new(move || {
        for _ in 0..3 {
            hook(Call::Other, Path::new(""));
        }
    })
}

/// Longer than 36 hours.
const LATER_S: u64 = 40 * 60 * 60;
