//! Where the message goes: into qmail-queue, or with `-n` onto standard output.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use address::quote::quote;
use queue_client::{Injection, QueueProgram};

use crate::refusal::Refusal;

/// A message being handed on. Dropped before its end it is never queued.
pub(crate) enum Output {
    /// To qmail-queue.
    Queue(Injection),
    /// To whoever looks.
    Print(File),
}

impl Output {
    /// Starts qmail-queue, or prints who the sender is.
    pub(crate) fn start(home: &Path, is_printing: bool, sender: &[u8]) -> Result<Self, Refusal> {
        if !is_printing {
            let program = QueueProgram::configured(home);
            return program.start().map(Self::Queue).map_err(|_| Refusal::Start);
        }
        let mut output = Self::Print(os::fd::take(1).map_err(|_| Refusal::Print)?);
        output.write(&[b"Return-Path: <", quote(sender).as_slice(), b">\n"].concat())?;
        Ok(output)
    }

    /// Hands bytes on.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Queue(injection) => {
                injection.write(bytes);
                Ok(())
            }
            Self::Print(file) => file.write_all(bytes).map_err(|_| Refusal::Print),
        }
    }

    /// Adds the envelope and hears what became of it all.
    pub(crate) fn finish(self, sender: &[u8], recipients: &[Vec<u8>]) -> Result<(), Refusal> {
        match self {
            Self::Print(_) => Ok(()),
            Self::Queue(mut injection) => {
                injection.sender(sender);
                for recipient in recipients {
                    injection.recipient(recipient);
                }
                injection.finish().result.map_err(Refusal::Queue)
            }
        }
    }
}
