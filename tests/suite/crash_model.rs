//! Power cuts, on a model disk: after every step of the programs, in every state that the disk can
//! come back in. What the promises are is said in `model/judge.rs`, what a disk does to them in
//! `model/survivors.rs`.
//!
//! Every life below is of two letters, of which the second gets the queue number of the first; the
//! programs start again after the cut, a day and a half passes, and one more letter comes.

mod barriers;
mod cleaner_race;

use crate::model::explorer::{Scenario, Tally, Thoroughness, explore, explore_traps};
use crate::model::letters::Letter;
use crate::model::places::Volume;
use crate::model::survivors::Persistence;
use crate::model::world::Trap;

/// The two letters of a life; see [`Letter::recipients`] for what becomes of them.
type Life = [Letter; 2];

const LOCAL: Life = [letter(1, "s1", &["l1"]), letter(2, "s2", &["l2"])];
const REMOTE_LOCAL: Life = [letter(1, "s1", &["r1"]), letter(2, "s2", &["l2"])];
const LOCAL_REMOTE: Life = [letter(1, "s1", &["l1"]), letter(2, "s2", &["r2"])];
const BOUNCE: Life = [letter(1, "s1", &["b1"]), letter(2, "s2", &["r2"])];
const MIXED: Life = [
    letter(1, "s1", &["l1", "r1"]),
    letter(2, "s2", &["b2", "r2"]),
];
const MIXED_BOUNCE: Life = [
    letter(1, "s1", &["x1", "b1"]),
    letter(2, "s2", &["l2", "m2"]),
];
const ALL: [Life; 6] = [
    LOCAL,
    REMOTE_LOCAL,
    LOCAL_REMOTE,
    BOUNCE,
    MIXED,
    MIXED_BOUNCE,
];

/// The letters that come after a cut.
const LATER: [Letter; 2] = [
    letter(7, "s7", &["l7", "r7"]),
    letter(8, "s8", &["l8", "r8"]),
];

const fn letter(
    number: usize,
    sender: &'static str,
    recipients: &'static [&'static str],
) -> Letter {
    Letter {
        number,
        sender,
        recipients,
    }
}

fn scenario(life: &Life, persistence: Persistence, maildir_on: Volume) -> Scenario {
    Scenario {
        letters: life.iter().chain(&LATER).copied().collect(),
        maildir_on,
        persistence,
        omitted: Vec::new(),
        cuts: 1,
        is_found_early: false,
    }
}

/// Explores lives and finds nothing wrong. The maildir is on the queue's file system and on another
/// one, if that makes a difference: where names stay in order in a directory only, it makes none.
#[track_caller]
fn check(lives: &[Life], persistence: Persistence, explore: impl Fn(Scenario) -> Tally) {
    let volumes: &[Volume] = match persistence {
        Persistence::Ordered => &[Volume::Queue, Volume::Home],
        Persistence::Strict => &[Volume::Home],
    };
    for (life, maildir_on) in lives
        .iter()
        .flat_map(|life| volumes.iter().map(move |on| (life, *on)))
    {
        let tally = explore(scenario(life, persistence, maildir_on));
        // The kinds have a trace each; one is enough to work on.
        if let Some((violation, trace)) = tally.traces.first_key_value() {
            panic!("{:?}; the first {violation:?}:\n{trace}", tally.violations);
        }
        assert!(tally.states > STATES_MIN, "only {} states", tally.states);
    }
}

#[test]
fn a_power_cut_loses_nothing_on_an_ordered_journal() {
    check(&ALL, Persistence::Ordered, |scenario| {
        explore(&scenario, Thoroughness::Everything)
    });
}

#[test]
fn a_power_cut_loses_nothing_where_only_posix_is_kept() {
    check(&ALL, Persistence::Strict, |scenario| {
        explore(&scenario, Thoroughness::Everything)
    });
}

#[test]
fn a_second_power_cut_during_the_recovery_loses_nothing() {
    check(&[BOUNCE], Persistence::Ordered, |scenario| {
        let scenario = Scenario {
            cuts: 2,
            ..scenario
        };
        explore(&scenario, Thoroughness::Everything)
    });
}

#[test]
fn qmail_send_may_find_a_message_before_its_qmail_queue_has_ended() {
    check(&ALL, Persistence::Ordered, |scenario| {
        let scenario = Scenario {
            is_found_early: true,
            ..scenario
        };
        explore(&scenario, Thoroughness::Everything)
    });
}

#[test]
fn qmail_send_may_find_a_message_early_where_only_posix_is_kept() {
    check(&[LOCAL, MIXED_BOUNCE], Persistence::Strict, |scenario| {
        let scenario = Scenario {
            is_found_early: true,
            ..scenario
        };
        explore(&scenario, Thoroughness::Everything)
    });
}

#[test]
fn programs_that_were_killed_and_started_again_stand_a_power_cut() {
    let lives = [LOCAL_REMOTE, BOUNCE, MIXED_BOUNCE];
    check(&lives, Persistence::Ordered, |scenario| {
        explore_traps(&scenario, Trap::Kill, Thoroughness::Everything)
    });
}

#[test]
fn programs_that_were_killed_stand_a_power_cut_where_only_posix_is_kept() {
    check(&[LOCAL_REMOTE], Persistence::Strict, |scenario| {
        explore_traps(&scenario, Trap::Kill, Thoroughness::Everything)
    });
    check(&[BOUNCE], Persistence::Strict, |scenario| {
        explore_traps(&scenario, Trap::Kill, SOME)
    });
}

#[test]
fn a_step_that_fails_and_a_power_cut_after_it_lose_nothing() {
    let lives = [LOCAL_REMOTE, BOUNCE, MIXED_BOUNCE];
    check(&lives, Persistence::Ordered, |scenario| {
        explore_traps(&scenario, Trap::Fail, Thoroughness::Everything)
    });
}

#[test]
fn a_step_that_fails_loses_nothing_where_only_posix_is_kept() {
    check(&[LOCAL_REMOTE], Persistence::Strict, |scenario| {
        explore_traps(&scenario, Trap::Fail, Thoroughness::Everything)
    });
    check(&[BOUNCE], Persistence::Strict, |scenario| {
        explore_traps(&scenario, Trap::Fail, SOME)
    });
}

/// A life has more states than this; fewer mean that nothing is explored any more.
const STATES_MIN: usize = 50;
/// Some tens of thousands of states would take a minute.
const SOME: Thoroughness = Thoroughness::OneOf(10);
