//! The deliveries under way, by delivery number.

use std::fs::File;

use os::child::Status;
use os::poll::{PollSet, Slot as Place};

use crate::{Agent, Delivery, Running, Step};

/// One delivery under way.
struct Slot {
    delivery: Delivery,
    work: Work,
}

enum Work {
    /// The message waits for its user.
    Lookup(Running, File),
    Delivery(Running),
}

/// As many places as there may be deliveries.
pub(crate) struct Slots {
    slots: Vec<Option<Slot>>,
    /// Where the pipe of each waits in the poll set of this turn.
    places: Vec<(u16, Place)>,
}

impl Slots {
    pub(crate) fn new(count: u16) -> Self {
        Self {
            slots: std::iter::repeat_with(|| None).take(count.into()).collect(),
            places: vec![],
        }
    }

    pub(crate) fn is_busy(&self, number: u16) -> bool {
        matches!(self.slots.get(usize::from(number)), Some(Some(_)))
    }

    pub(crate) fn are_all_free(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Starts a delivery in a free slot, or says why it is over already.
    pub(crate) fn begin(
        &mut self,
        number: u16,
        agent: &impl Agent,
        (delivery, message): (Delivery, File),
    ) -> Option<Vec<u8>> {
        let step = agent.begin(&delivery, &message);
        self.continue_with(number, delivery, Some(message), step)
    }

    pub(crate) fn prepare(&mut self, poll: &mut PollSet) {
        self.places.clear();
        for (number, slot) in (0_u16..).zip(&self.slots) {
            if let Some(pipe) = slot.as_ref().and_then(|slot| slot.running().pipe()) {
                self.places.push((number, poll.read(pipe)));
            }
        }
    }

    /// Reads what children wrote.
    pub(crate) fn read(&mut self, poll: &PollSet) {
        for &(number, place) in &self.places {
            if let Some(Some(slot)) = self.slots.get_mut(usize::from(number))
                && poll.ready(place)
            {
                slot.running_mut().read();
            }
        }
    }

    /// Notes a death. A process that is no child of a slot's concerns nobody.
    pub(crate) fn died(&mut self, pid: u32, status: Status) {
        let _known = self
            .slots
            .iter_mut()
            .flatten()
            .any(|slot| slot.running_mut().died(pid, status));
    }

    /// Takes every delivery whose child has ended one step further; returns the reports.
    pub(crate) fn advance(&mut self, agent: &impl Agent) -> Vec<(u16, Vec<u8>)> {
        let mut reports = Vec::new();
        for number in 0..u16::try_from(self.slots.len()).unwrap_or(u16::MAX) {
            let Some(place) = self.slots.get_mut(usize::from(number)) else {
                continue;
            };
            let Some(slot) = place.take_if(|slot| slot.running().ended().is_some()) else {
                continue;
            };
            let report = self.next_step(number, agent, slot);
            reports.extend(report.map(|text| (number, text)));
        }
        reports
    }

    fn next_step(&mut self, number: u16, agent: &impl Agent, slot: Slot) -> Option<Vec<u8>> {
        let ended = slot.running().ended()?;
        match &slot.work {
            Work::Delivery(_) => Some(agent.report(&ended)),
            Work::Lookup(_, message) => {
                let step = agent.looked_up(&slot.delivery, message, &ended);
                let Slot { delivery, work } = slot;
                let message = match work {
                    Work::Lookup(_, message) => Some(message),
                    Work::Delivery(_) => None,
                };
                self.continue_with(number, delivery, message, step)
            }
        }
    }

    /// Puts a delivery where its number says. The message is kept only as long as a child may
    /// still have to get it.
    fn continue_with(
        &mut self,
        number: u16,
        delivery: Delivery,
        message: Option<File>,
        step: Step,
    ) -> Option<Vec<u8>> {
        let work = match (step, message) {
            (Step::Report(text), _) => return Some(text),
            (Step::Delivery(running), _) => Work::Delivery(running),
            (Step::Lookup(running), Some(message)) => Work::Lookup(running, message),
            (Step::Lookup(_), None) => return Some(LOST_MESSAGE.to_vec()),
        };
        match self.slots.get_mut(usize::from(number)) {
            Some(place) => *place = Some(Slot { delivery, work }),
            None => return Some(LOST_MESSAGE.to_vec()),
        }
        None
    }
}

impl Slot {
    fn running(&self) -> &Running {
        match &self.work {
            Work::Lookup(running, _) | Work::Delivery(running) => running,
        }
    }

    fn running_mut(&mut self) -> &mut Running {
        match &mut self.work {
            Work::Lookup(running, _) | Work::Delivery(running) => running,
        }
    }
}

/// Cannot happen; if it does, the delivery is tried again.
const LOST_MESSAGE: &[u8] = b"ZInternal error: delivery lost its message. (#4.3.5)\n";
