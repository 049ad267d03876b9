//! Every sync is needed: when one is left out, something is lost, torn, stuck, doubled or delivered
//! to somebody else. So a change of the programs' order is found, too.

use super::{BOUNCE, LOCAL, LOCAL_REMOTE, Life, REMOTE_LOCAL, scenario};
use crate::model::explorer::{Scenario, Tally, Thoroughness, explore};
use crate::model::journal::Barrier;
use crate::model::judge::Violation::{self, Duplicate, Lost, Misdelivered, Stuck, Torn};
use crate::model::places::Volume;
use crate::model::survivors::Persistence::{self, Ordered, Strict};

fn without(
    omitted: &[Barrier],
    life: &Life,
    persistence: Persistence,
    thoroughness: Thoroughness,
) -> Tally {
    let scenario = Scenario {
        omitted: omitted.to_vec(),
        ..scenario(life, persistence, Volume::Home)
    };
    explore(&scenario, thoroughness)
}

/// Without these syncs, this life goes wrong in this way.
#[track_caller]
fn check_needed(omitted: &[Barrier], life: &Life, persistence: Persistence, expected: Violation) {
    let tally = without(omitted, life, persistence, Thoroughness::Until(expected));
    assert!(
        tally.violations.contains_key(&expected),
        "without {omitted:?}, {persistence:?}: no {expected:?} in {} states, but {:?}",
        tally.states,
        tally.violations
    );
}

/// Without these syncs nothing goes wrong that does not go wrong with them.
#[track_caller]
fn check_not_needed(omitted: &[Barrier], lives: &[Life], persistence: Persistence) {
    for life in lives {
        let kinds = |omitted: &[Barrier]| {
            let tally = without(omitted, life, persistence, Thoroughness::Everything);
            tally.violations.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(kinds(omitted), kinds(&[]), "without {omitted:?}");
    }
}

#[test]
fn every_file_is_synced_because_its_name_can_survive_alone() {
    for persistence in [Ordered, Strict] {
        check_needed(&[Barrier::MessData], &LOCAL, persistence, Torn);
        check_needed(&[Barrier::IntdData], &LOCAL, persistence, Stuck);
        check_needed(&[Barrier::InfoData], &LOCAL, persistence, Stuck);
        check_needed(&[Barrier::LocalData], &LOCAL, persistence, Stuck);
        check_needed(&[Barrier::RemoteData], &LOCAL_REMOTE, persistence, Stuck);
        check_needed(&[Barrier::MailData], &LOCAL, persistence, Torn);
        check_needed(&[Barrier::NoteData], &BOUNCE, persistence, Lost);
    }
}

#[test]
fn names_that_somebody_was_told_of_are_synced() {
    for persistence in [Ordered, Strict] {
        check_needed(&[Barrier::TodoLinked], &LOCAL, persistence, Lost);
        check_needed(&[Barrier::MailName], &LOCAL, persistence, Lost);
    }
}

/// Else a message is delivered once more although the mark was on the disk; and where names do not
/// stay in order, an old todo/N meets the next message of its number.
#[test]
fn that_todo_has_gone_is_synced() {
    check_needed(&[Barrier::TodoRemoved], &LOCAL_REMOTE, Ordered, Duplicate);
    check_needed(&[Barrier::TodoRemoved], &LOCAL_REMOTE, Strict, Misdelivered);
}

#[test]
fn names_are_synced_before_other_directories_rely_on_them() {
    check_needed(&[Barrier::MessName], &LOCAL, Strict, Misdelivered);
    check_needed(&[Barrier::MessName], &LOCAL, Strict, Lost);
    check_needed(&[Barrier::InfoName], &LOCAL, Strict, Lost);
    check_needed(&[Barrier::LocalName], &LOCAL, Strict, Lost);
    check_needed(&[Barrier::RemoteName], &LOCAL_REMOTE, Strict, Lost);
    check_needed(&[Barrier::NoteName], &BOUNCE, Strict, Lost);
}

#[test]
fn what_belongs_to_a_number_is_gone_before_the_number_is_free() {
    check_needed(&[Barrier::EndLocal], &LOCAL_REMOTE, Strict, Misdelivered);
    check_needed(&[Barrier::EndRemote], &REMOTE_LOCAL, Strict, Misdelivered);
    check_needed(&[Barrier::EndNote], &BOUNCE, Strict, Misdelivered);
    let end = [Barrier::EndInfo, Barrier::EndLocal, Barrier::EndRemote];
    check_needed(&end, &LOCAL, Strict, Misdelivered);
    check_needed(&end, &LOCAL, Strict, Stuck);
}

/// An info/N that comes back alone, its recipients' files being gone for certain, names a message
/// without recipients, which ends at once; one that meets the next message of its number is replaced
/// when that leaves todo/. The sync is needed with those of local/ and remote/: a whole old message
/// would come back otherwise, see above.
#[test]
fn an_info_file_that_comes_back_alone_does_no_harm() {
    check_not_needed(&[Barrier::EndInfo], &[LOCAL_REMOTE, BOUNCE], Strict);
}

/// The end of a message makes certain that its bounce/N is gone, so that preprocessing never has to
/// remove one, as long as nothing but these programs has touched the queue.
#[test]
fn a_stale_bounce_file_is_not_met_where_messages_end_in_order() {
    check_not_needed(&[Barrier::StaleNote], &[LOCAL_REMOTE, BOUNCE], Strict);
}

/// A journal keeps the names of a file system in order, and any sync of a file commits them all.
#[test]
fn an_ordered_journal_needs_no_sync_of_names_that_a_sync_follows() {
    for barrier in [
        Barrier::MessName,
        Barrier::InfoName,
        Barrier::LocalName,
        Barrier::RemoteName,
        Barrier::StaleNote,
        Barrier::NoteName,
        Barrier::EndInfo,
        Barrier::EndLocal,
        Barrier::EndRemote,
        Barrier::EndNote,
    ] {
        check_not_needed(&[barrier], &[LOCAL_REMOTE, BOUNCE], Ordered);
    }
}
