//! A model of what a power cut leaves on a disk, and the life of a message on it.
//!
//! The programs' steps are generic over [`os::disk::Disk`]. [`disk::ModelDisk`] is such a disk, held
//! in memory; it writes a [`journal`] of everything that is done to it. [`survivors`] derives from a
//! journal every state in which a disk may come back, [`mailer`] does what the programs do with a
//! queue (after a crash, too), [`judge`] says whether the mail is what it should be, and
//! [`explorer`] joins them. [`schedule`] runs two programs on one disk in every order.

pub mod disk;
pub mod explorer;
pub mod image;
pub mod journal;
pub mod judge;
pub mod letters;
pub mod mailer;
pub mod places;
pub mod schedule;
pub mod survivors;
pub mod world;
