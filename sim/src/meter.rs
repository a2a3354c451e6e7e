//! Traffic counters as `show status` has them: total, last hour, last minute, and the highest of both.

use std::collections::VecDeque;

/// Recipients, messages and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    pub recipients: u64,
    pub messages: u64,
    pub bytes: u64,
}

impl Amount {
    fn plus(&mut self, other: Amount) {
        self.recipients += other.recipients;
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    fn minus(&mut self, other: Amount) {
        self.recipients -= other.recipients;
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }

    fn raise(&mut self, other: Amount) {
        self.recipients = self.recipients.max(other.recipients);
        self.messages = self.messages.max(other.messages);
        self.bytes = self.bytes.max(other.bytes);
    }

    pub fn kilobytes(self) -> f64 {
        (self.bytes as f64 / 102.4).round() / 10.0
    }
}

/// One direction of traffic.
#[derive(Clone, Debug)]
pub struct Meter {
    pub total: Amount,
    pub hour: Window,
    pub minute: Window,
}

impl Default for Meter {
    fn default() -> Self {
        Self { total: Amount::default(), hour: Window::new(60, 60), minute: Window::new(5, 12) }
    }
}

impl Meter {
    pub fn add(&mut self, at: i64, bytes: u64) {
        let one = Amount { recipients: 1, messages: 1, bytes };
        self.total.plus(one);
        self.hour.add(at, one);
        self.minute.add(at, one);
    }

    /// Lets time pass without traffic.
    pub fn pass(&mut self, at: i64) {
        self.hour.add(at, Amount::default());
        self.minute.add(at, Amount::default());
    }
}

/// A rolling sum over `count` slots of `width` seconds, and the highest it ever was.
#[derive(Clone, Debug)]
pub struct Window {
    width: i64,
    count: i64,
    slots: VecDeque<(i64, Amount)>,
    pub sum: Amount,
    pub top: Amount,
}

impl Window {
    fn new(width: i64, count: i64) -> Self {
        Self { width, count, slots: VecDeque::new(), sum: Amount::default(), top: Amount::default() }
    }

    fn add(&mut self, at: i64, amount: Amount) {
        let slot = at.div_euclid(self.width);
        while let Some((oldest, gone)) = self.slots.front().copied() {
            if oldest > slot - self.count {
                break;
            }
            self.sum.minus(gone);
            self.slots.pop_front();
        }
        match self.slots.back_mut() {
            Some((newest, here)) if *newest == slot => here.plus(amount),
            _ => self.slots.push_back((slot, amount)),
        }
        self.sum.plus(amount);
        self.top.raise(self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_forgets_and_the_top_does_not() {
        let mut meter = Meter::default();
        for second in 0..60 {
            meter.add(1_000 + second, 2_048);
        }
        assert_eq!(meter.minute.sum.recipients, 60);
        meter.pass(1_200);
        assert_eq!(meter.minute.sum.recipients, 0);
        assert_eq!(meter.minute.top.recipients, 60);
        assert_eq!((meter.hour.sum.recipients, meter.total.recipients), (60, 60));
        assert_eq!(meter.total.kilobytes(), 120.0);
    }
}
