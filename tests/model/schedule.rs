//! Two programs on one disk, in every order of their calls.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use crate::model::disk::{Call, Hook};

/// What one program does, all of it.
pub type Program = Box<dyn FnOnce() + Send>;

/// Who may make the next call.
#[derive(Default)]
pub struct Baton {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether the programs wait for their turns at all.
    is_passed: bool,
    turn: Option<usize>,
    is_waiting: [bool; 2],
    is_finished: [bool; 2],
}

impl Baton {
    /// The hook for the disk of a program, 0 or 1.
    pub fn hook(self: &Arc<Self>, program: usize) -> Arc<Hook> {
        let baton = Arc::clone(self);
        Arc::new(move |_: Call, _: &Path| baton.wait(program))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn wait(&self, program: usize) {
        let mut state = self.lock();
        if !state.is_passed {
            return;
        }
        state.is_waiting[program] = true;
        self.changed.notify_all();
        while state.turn != Some(program) {
            state = self.changed.wait(state).expect("nobody panics with it");
        }
        state.turn = None;
    }

    fn finish(&self, program: usize) {
        self.lock().is_finished[program] = true;
        self.changed.notify_all();
    }

    /// Waits until each program waits or has finished; says who waits.
    fn candidates(&self) -> Vec<usize> {
        let is_ready = |state: &State| {
            let mut each = state.is_waiting.iter().zip(&state.is_finished);
            state.turn.is_none() && each.all(|(waiting, finished)| *waiting || *finished)
        };
        let mut state = self.lock();
        while !is_ready(&state) {
            state = self.changed.wait(state).expect("nobody panics with it");
        }
        (0..2).filter(|one| state.is_waiting[*one]).collect()
    }

    fn pass_to(&self, program: usize) {
        let mut state = self.lock();
        state.is_waiting[program] = false;
        state.turn = Some(program);
        self.changed.notify_all();
    }

    /// Runs two programs; `choose` picks the next one when both wait.
    fn run(self: &Arc<Self>, programs: [Program; 2], mut choose: impl FnMut() -> usize) {
        self.lock().is_passed = true;
        let threads: Vec<_> = programs
            .into_iter()
            .enumerate()
            .map(|(number, program)| {
                let baton = Arc::clone(self);
                thread::spawn(move || {
                    program();
                    baton.finish(number);
                })
            })
            .collect();
        loop {
            match self.candidates()[..] {
                [] => break,
                [one] => self.pass_to(one),
                _ => self.pass_to(choose()),
            }
        }
        for thread in threads {
            thread.join().expect("programs do not panic");
        }
        self.lock().is_passed = false;
    }
}

/// Runs two programs in every order. `prepare` makes everything anew, and `judge` looks at the
/// outcome. Returns the number of orders.
pub fn in_every_order<T>(
    mut prepare: impl FnMut(&Arc<Baton>) -> ([Program; 2], T),
    mut judge: impl FnMut(T),
) -> usize {
    let mut script: Vec<usize> = Vec::new();
    let mut orders = 0;
    loop {
        let baton = Arc::new(Baton::default());
        let (programs, rest) = prepare(&baton);
        let mut position = 0;
        baton.run(programs, || {
            if position == script.len() {
                script.push(0);
            }
            position += 1;
            script[position - 1]
        });
        script.truncate(position);
        judge(rest);
        orders += 1;
        while script.last() == Some(&1) {
            script.pop();
        }
        match script.last_mut() {
            Some(last) => *last = 1,
            None => return orders,
        }
    }
}
