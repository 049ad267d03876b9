//! Programs that die or meet errors in the middle of their work: which states they leave, and what
//! becomes of the mail.

use harness::crash::Blow;
use harness::syscalls::Call;
use nix::errno::Errno;

mod clean_error_points;
mod full_disk;
mod judge;
mod pipeline_kill_points;
mod queue_error_points;
mod queue_kill_points;

/// The ways in which a call can fail: the errors a file system and a kernel under pressure give,
/// and moving less than was asked for.
fn blows(call: &Call) -> Vec<Blow> {
    if call.never_fails() {
        return Vec::new();
    }
    let mut blows: Vec<Blow> = ERRORS.iter().map(|errno| Blow::Error(*errno)).collect();
    if call.moves_bytes() {
        blows.push(Blow::OneByte);
    }
    blows
}

const ERRORS: [Errno; 7] = [
    Errno::EIO,
    Errno::ENOSPC,
    Errno::EDQUOT,
    Errno::EROFS,
    Errno::EMFILE,
    Errno::ENOMEM,
    Errno::EINTR,
];
