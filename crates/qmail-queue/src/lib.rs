//! qmail-queue
