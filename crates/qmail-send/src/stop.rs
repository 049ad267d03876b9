//! The end: due times are written to the modification times of the recipients' files, so that the
//! next qmail-send keeps the schedule.

use os::disk::Disk;
use queue::Channel;

use crate::desk::Desk;

/// Writes down when every waiting message is due.
pub(crate) fn keep_schedule(desk: &mut Desk) {
    for channel in Channel::ALL {
        let waiting: Vec<_> = desk.schedule.channel(channel).drain().collect();
        for due in waiting {
            let path = channel.path(&desk.queue, due.id);
            if desk.disk.set_times(&path, due.at).is_err() {
                desk.log.trouble_with_time(&path);
            }
        }
    }
}
