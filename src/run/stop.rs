//! SIGTERM and SIGINT as a flag to be asked between two steps. It ends nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A host that wants us gone sends SIGTERM first; what is complete is then committed and printed,
/// and the exit code stays 0 (Telegraf parses the output of exactly that case).
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Listens for the signals from now on. Where the handler cannot be installed the signals
    /// keep their default meaning, which loses nothing either.
    pub fn on_signals() -> Stop {
        let stop = Stop::default();
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            let _ = signal_hook::flag::register(signal, Arc::clone(&stop.asked));
        }
        stop
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Nobody asks: for what is too short to be interrupted.
    pub fn never() -> Stop {
        Stop::default()
    }

    #[cfg(test)]
    pub fn already() -> Stop {
        let stop = Stop::default();
        stop.asked.store(true, Ordering::Relaxed);
        stop
    }
}
