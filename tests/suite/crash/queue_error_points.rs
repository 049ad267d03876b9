//! qmail-queue and qmail-clean, whose every system call fails once in each of nine ways.
