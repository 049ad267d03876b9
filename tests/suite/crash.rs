//! Programs that die or meet errors in the middle of their work: which states they leave, and what
//! becomes of the mail.

mod judge;
mod queue_error_points;
mod queue_kill_points;
