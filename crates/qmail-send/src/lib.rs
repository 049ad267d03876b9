//! qmail-send(8): the only scheduler of the queue. It preprocesses new mail, has it delivered
//! through the spawners, tells senders about failures and forgets messages that are done.
//!
//! One thread, one poll(2): each part says what it waits for (`prepare`) and does all it can when
//! something came (`act`). Nothing in the loop waits for anybody else. It never delivers a message
//! itself, and it removes nothing that it does not understand.

mod arrears;
mod bounce;
mod clean_link;
mod config;
mod delivery;
mod desk;
mod ending;
mod job;
mod leftovers;
mod log;
mod marks;
mod notice;
mod pass;
mod reports;
mod rewrite;
mod schedule;
mod spawn_link;
mod start;
mod stop;
mod todo;
mod wakeup;

use std::process::ExitCode;
use std::time::Duration;

use control::Control;
use os::poll::PollSet;
use os::signal::{Signal, Signals};
use queue::clean::Request;
use report::Exit;

use crate::arrears::Arrears;
use crate::clean_link::Cleaned;
use crate::delivery::Deliveries;
use crate::desk::Desk;
use crate::ending::Endings;
use crate::leftovers::Leftovers;
use crate::todo::Todo;
use crate::wakeup::Wakeup;

/// The program: exit code 0 after a clean end, 111 when it could not start.
#[must_use]
pub fn main() -> ExitCode {
    match start::start() {
        Ok(mut daemon) => {
            daemon.run();
            ExitCode::from(Exit::OK.code())
        }
        Err(start::Unheard) => ExitCode::from(Exit::TEMPORARY.code()),
    }
}

/// All parts of the loop.
struct Daemon {
    _mutex: queue::mutex::SendMutex,
    desk: Desk,
    control: Control,
    signals: Signals,
    deliveries: Deliveries,
    todo: Todo,
    endings: Endings,
    arrears: Arrears,
    leftovers: Leftovers,
}

impl Daemon {
    fn run(&mut self) {
        let mut set = PollSet::new();
        while !self.can_stop() {
            set.clear();
            let mut wakeup = Wakeup::new(self.desk.now);
            let signals = set.read(&self.signals);
            self.deliveries
                .prepare(&mut self.desk, &mut set, &mut wakeup);
            self.desk.clean.prepare(&mut set);
            self.todo.prepare(&self.desk, &mut set, &mut wakeup);
            self.endings.prepare(&self.desk, &mut set, &mut wakeup);
            self.arrears.prepare(&self.desk, &mut wakeup);
            self.leftovers.prepare(&self.desk, &mut wakeup);

            if self.wait(&mut set, wakeup).is_err() {
                self.desk.log.warning("trouble in select");
                continue;
            }

            self.desk.now = os::clock::now();
            if set.ready(signals) {
                self.act_on_signals();
            }
            self.deliveries.act_on_reports(&mut self.desk, &set);
            self.act_on_answers(&set);
            self.endings.act(&mut self.desk, &set);
            self.todo.act(&mut self.desk, &set);
            self.deliveries.start(&mut self.desk);
            self.arrears.act(&mut self.desk);
            self.leftovers.act(&mut self.desk);
            self.look_after_neighbours();
        }
        stop::keep_schedule(&mut self.desk);
        self.desk.log.exiting();
    }

    /// Waits for the next event. What can share its syncs with others is made durable when there is
    /// nothing else to do, or after a second, or when enough of it has come together.
    fn wait(&mut self, set: &mut PollSet, mut wakeup: Wakeup) -> std::io::Result<()> {
        let is_busy = self.deliveries.are_running() || self.todo.is_busy();
        let settle_at = ending::settle_at(&self.desk, is_busy);
        if settle_at.is_some_and(|time| time <= self.desk.now) && !wakeup.is_at_once() {
            set.wait(Some(Duration::ZERO))?;
            if set.any_ready() {
                return Ok(());
            }
            ending::settle(&mut self.desk);
            if self.can_stop() {
                return Ok(());
            }
        }
        wakeup.at_if(ending::settle_at(&self.desk, is_busy));
        set.wait(Some(wakeup.wait()))
    }

    fn can_stop(&self) -> bool {
        self.desk.is_stopping
            && self.deliveries.can_stop()
            && self.endings.can_stop()
            && self.desk.ended.is_empty()
            && self.desk.clean.is_idle()
    }

    fn act_on_signals(&mut self) {
        for signal in self.signals.take() {
            match signal {
                Signal::Term => self.desk.is_stopping = true,
                Signal::Alarm => {
                    self.desk.schedule.run_now(self.desk.now);
                    self.arrears.run_now(self.desk.now);
                    self.todo.run_now(self.desk.now);
                }
                Signal::Hup => self.reread(),
                Signal::Child | Signal::Int => {}
            }
        }
    }

    fn reread(&mut self) {
        if let Err(error) = self.desk.config.reread(&self.control) {
            self.desk.log.alert(&error.to_string());
        }
    }

    fn act_on_answers(&mut self, set: &PollSet) {
        for answer in self.desk.clean.act(set) {
            let Cleaned { request, is_done } = answer;
            let (word, id) = match request {
                Request::Todo(id) => ("todo", id),
                Request::Foop(id) => ("foop", id),
            };
            if !is_done {
                self.desk.log.trouble_cleaning(&format!("{word}/{id}"));
            }
            if word == "todo" {
                self.todo.act_on_answer(&mut self.desk, answer, id);
            }
        }
    }

    /// Without a spawner or qmail-clean there is nothing to be done but to stop in good order.
    fn look_after_neighbours(&mut self) {
        if self.desk.is_stopping {
            return;
        }
        if !self.deliveries.are_spawners_alive() {
            self.desk
                .log
                .alert("oh no! lost spawn connection! dying...");
            self.desk.is_stopping = true;
        }
        if !self.desk.clean.is_alive() {
            self.desk
                .log
                .alert("oh no! lost qmail-clean connection! dying...");
            self.desk.is_stopping = true;
        }
    }
}
