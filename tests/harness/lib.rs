//! The test harness: throwaway qmail homes, real processes, scripted peers, crash stepping.
//!
//! A test makes a [`Home`](home::Home), sets control files, runs programs in it and looks at what
//! came out. The programs are ours, built on demand, or those of the directory that
//! `QMAIL_UNDER_TEST` names. Nothing here sleeps: every wait goes through [`wait::until`].
//!
//! ```no_run
//! # use harness::home::Home;
//! let home = Home::new();
//! home.control("me", "test.example\n").user("alice");
//! let mut daemons = home.start_daemons();
//! let done = home.program("qmail-inject").args(["alice@test.example"]).stdin("Subject: x\n\n").output();
//! done.assert_exit(0);
//! daemons.wait_for_log("end msg");
//! assert_eq!(home.maildir("alice").len(), 1);
//! ```

pub mod client;
pub mod crash;
pub mod daemons;
pub mod home;
pub mod hunt;
pub mod mailbox;
pub mod nameserver;
pub mod peer;
pub mod programs;
pub mod run;
pub mod syscalls;
pub mod tree;
pub mod wait;
