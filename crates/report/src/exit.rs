//! The exit codes that mean the same for every program but qmail-queue, which has its own.

/// What a program says by exiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Done.
    pub const OK: Self = Self(0);
    /// In a .qmail file: done, and skip the instructions that follow.
    pub const STOP: Self = Self(99);
    /// Failed; trying again will not help.
    pub const PERMANENT: Self = Self(100);
    /// Failed; try again later. Any doubt ends here.
    pub const TEMPORARY: Self = Self(111);

    /// The number to exit with.
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}
