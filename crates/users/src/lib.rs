//! Who gets mail for a local name, qmail-users(5): the text of `users/assign`, the records that
//! qmail-newu makes of it, and the lookup of qmail-lspawn in `users/cdb`.

mod assign;
mod lookup;
mod records;

pub use assign::{AssignError, Assignments, parse};
pub use lookup::{Assignment, Users, UsersError};
