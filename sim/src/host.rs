//! The handle on a running simulated host: its clock, its operator's acts, its faults and its truth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, mem};

use crate::certificate::Certificate;
use crate::command_line;
use crate::door::Door;
use crate::entry::Column;
use crate::faults::{Faults, Gauges, SmtpFault, WebFault};
use crate::incidents::Incident;
use crate::monitor;
use crate::options::{Options, SimError};
use crate::settings;
use crate::smtp;
use crate::truth::{Counts, Truth};
use crate::world::World;

/// A simulated PowerMTA host. Its servers stop when it is dropped; its folder stays.
pub struct Host {
    shared: Arc<Shared>,
    certificate: Arc<Certificate>,
    web: Mutex<Door>,
    smtp: Mutex<Door>,
}

/// What the servers' threads and the handle share.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub faults: Faults,
    pub stopping: AtomicBool,
}

impl Shared {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Makes the folder, binds both ports on loopback and serves until dropped. No mail flows before
    /// `advance` or `run`.
    pub fn start(options: Options) -> Result<Self, SimError> {
        let log = options.log_folder();
        let spool = options.dir.join("spool/0");
        let folders =
            [options.dir.join("etc"), options.dir.join("lib"), options.dir.join("sbin"), log, spool];
        for folder in folders.into_iter().chain(options.moved_folder()) {
            fs::create_dir_all(&folder).map_err(SimError::file(&folder))?;
        }
        let certificate = Arc::new(Certificate::make()?);
        let pem = options.dir.join("lib/webmon.pem");
        fs::write(&pem, &certificate.pem).map_err(SimError::file(&pem))?;
        let web = Door::listen(options.http_port)?;
        let smtp = Door::listen(options.smtp_port)?;
        let port_of = |listener: &std::net::TcpListener| listener.local_addr().map_or(0, |at| at.port());
        let http_port = port_of(&web);
        settings::write(&options, http_port, port_of(&smtp))?;
        let web_monitor = options.web_monitor;
        let world = World::new(options, http_port)?;
        command_line::install(&world)?;
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            faults: Faults::default(),
            stopping: AtomicBool::new(false),
        });
        let web = Door::open(web, monitor::server(Arc::clone(&shared), Arc::clone(&certificate)))?;
        let smtp = Door::open(smtp, smtp::server(Arc::clone(&shared), Arc::clone(&certificate)))?;
        let host = Self { shared, certificate, web: Mutex::new(web), smtp: Mutex::new(smtp) };
        if !web_monitor {
            host.break_web(&[WebFault::Down])?;
        }
        host.flush()?;
        Ok(host)
    }

    // ---- the clock

    /// Lets so many seconds of mail happen and writes their records. The same seed writes the same bytes.
    pub fn advance(&self, seconds: u64) -> Result<(), SimError> {
        for _ in 0..seconds {
            // Locked second by second, so that the web monitor answers meanwhile.
            self.shared.world().tick();
        }
        let mut world = self.shared.world();
        world.flush()?;
        command_line::refresh(&world)
    }

    /// Follows the real clock, one second of mail a second, until `stop`. The truth is written each
    /// second, and last after the last record.
    pub fn run(&self, stop: &AtomicBool) -> Result<(), SimError> {
        let began = Instant::now();
        let mut done = 0;
        while !stop.load(Ordering::SeqCst) {
            let due = began.elapsed().as_secs();
            if due > done {
                self.advance(due - done)?;
                done = due;
                self.shared.world().write_truth()?;
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.flush()
    }

    /// Unix seconds of the virtual clock.
    pub fn now(&self) -> i64 {
        self.shared.world().now
    }

    /// Everything written so far reaches the files, and the truth its `truth.json`.
    pub fn flush(&self) -> Result<(), SimError> {
        let mut world = self.shared.world();
        world.flush()?;
        world.write_truth()?;
        command_line::refresh(&world)
    }

    // ---- what an operator does

    /// Closes the accounting files (moving them if so set) and begins the next ones.
    pub fn rotate_accounting(&self) -> Result<(), SimError> {
        self.shared.world().books.rotate()
    }

    /// `log` becomes `log.1`, and so on.
    pub fn rotate_log(&self) -> Result<(), SimError> {
        self.shared.world().books.log.rotate()
    }

    /// PowerMTA stops and starts: new `startupTime` and process number, counters at 0, new accounting files.
    pub fn restart(&self) -> Result<(), SimError> {
        self.shared.world().restart()
    }

    pub fn reset_counters(&self) {
        self.shared.world().books.reset_counters();
    }

    /// Other `record-fields`, then a new file: its columns differ from the last one's.
    pub fn change_columns(&self, names: &[&str]) -> Result<(), SimError> {
        let columns: Vec<Column> = names.iter().map(|name| Column::from_name(name)).collect();
        let mut world = self.shared.world();
        world.books.files.iter_mut().try_for_each(|file| file.set_columns(columns.clone()))
    }

    /// Writes the first `keep` bytes of a delivery record; the truth counts the record as written.
    pub fn write_partial_record(&self, keep: usize) -> Result<(), SimError> {
        let mut world = self.shared.world();
        let now = world.now;
        world.books.partial = Some(keep);
        let World { flow, books, .. } = &mut *world;
        flow.deliver_one(now, books);
        world.flush()
    }

    /// Appends bytes to the first accounting file that are no record of this host's: a torn line, bytes
    /// that are not UTF-8. The truth does not count them.
    pub fn write_raw(&self, bytes: &[u8]) -> Result<(), SimError> {
        let mut world = self.shared.world();
        world.books.files.first_mut().map_or(Ok(()), |file| file.write_raw(bytes))
    }

    /// Writes the rest of the partial record; any later record or rotation does so too.
    pub fn finish_partial_record(&self) -> Result<(), SimError> {
        let mut world = self.shared.world();
        world.books.files.iter_mut().try_for_each(|file| file.finish_partial())
    }

    /// Puts recipients of a domain into its queues as if received so many seconds ago; false if this
    /// host never mails that domain.
    pub fn load_queue(&self, domain: &str, recipients: u64, age_seconds: i64) -> bool {
        let mut world = self.shared.world();
        let now = world.now;
        world.flow.load(domain, recipients, age_seconds, now)
    }

    /// Pauses or resumes the queues that `D/V` names (`*` at either end of a part).
    pub fn pause_queue(&self, pattern: &str, paused: bool) {
        self.each_queue(pattern, |queue, _, _| queue.paused = paused);
    }

    /// Lets the queues that `D/V` names stand still, not paused.
    pub fn stall_queue(&self, pattern: &str) {
        self.each_queue(pattern, |queue, _, _| queue.stall());
    }

    /// The last source address of the queues that `D/V` names is disabled: they stand still and say so.
    pub fn disable_sources(&self, pattern: &str) {
        self.stall_queue(pattern);
        self.each_queue(pattern, |queue, name, now| {
            queue.errors.push_front((now, format!("All SMTP sources for queue {name} are now disabled.")));
        });
    }

    /// The queues that `D/V` names note an error now, as PowerMTA does when a limit of its own is met.
    pub fn queue_error(&self, pattern: &str, text: &str) {
        self.each_queue(pattern, |queue, _, now| queue.errors.push_front((now, text.to_owned())));
    }

    /// The queues that `D/V` names are in backoff mode for so many seconds from now.
    pub fn back_off(&self, pattern: &str, seconds: i64) {
        self.each_queue(pattern, |queue, _, now| queue.backoff_until = now + seconds);
    }

    /// A directive that `show settings` tells of the queues that `D/V` names from now on, whatever the
    /// files say: a reload with other files, or the lack of one.
    pub fn enforce(&self, pattern: &str, directive: &str, value: &str) -> Result<(), SimError> {
        let mut world = self.shared.world();
        world.enforced.push((pattern.to_owned(), directive.to_owned(), value.to_owned()));
        command_line::settings(&world)
    }

    fn each_queue(&self, pattern: &str, change: impl Fn(&mut crate::flow::Queue, &str, i64)) {
        let mut world = self.shared.world();
        let now = world.now;
        let names: Vec<_> = world.flow.queues.iter().map(|queue| world.flow.queue_name(queue)).collect();
        for (queue, name) in world.flow.queues.iter_mut().zip(names) {
            if crate::monitor::fits(pattern, &name) {
                change(queue, &name, now);
            }
        }
    }

    /// One more line in PowerMTA's log, stamped now.
    pub fn log_line(&self, text: &str) -> Result<(), SimError> {
        let mut world = self.shared.world();
        let now = world.now;
        world.books.log.line(now, text);
        world.flush()
    }

    // ---- faults

    /// Sets the web monitor's troubles; an empty list heals it.
    pub fn break_web(&self, faults: &[WebFault]) -> Result<(), SimError> {
        self.shared.faults.set_web(faults);
        door(&self.web, faults.contains(&WebFault::Down))
    }

    /// Sets the SMTP port's troubles; an empty list heals it.
    pub fn break_smtp(&self, faults: &[SmtpFault]) -> Result<(), SimError> {
        self.shared.faults.set_smtp(faults);
        door(&self.smtp, faults.contains(&SmtpFault::Down))
    }

    /// How often each page of the web monitor was asked for.
    pub fn asked(&self) -> BTreeMap<String, u64> {
        self.shared.faults.asked()
    }

    /// Sets what the status page shows instead of the truth.
    pub fn show(&self, gauges: Gauges) {
        self.shared.world().show(gauges);
    }

    /// From now on mail is delivered and no accounting record of it is written, or again it is.
    pub fn withhold_records(&self, withheld: bool) {
        self.shared.world().books.withheld = withheld;
    }

    // ---- what it is and what it did

    pub fn http_port(&self) -> u16 {
        self.web.lock().unwrap_or_else(PoisonError::into_inner).port()
    }

    pub fn smtp_port(&self) -> u16 {
        self.smtp.lock().unwrap_or_else(PoisonError::into_inner).port()
    }

    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port())
    }

    pub fn https_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.http_port())
    }

    pub fn dir(&self) -> PathBuf {
        self.shared.world().options.dir.clone()
    }

    /// `etc/config`
    pub fn config_path(&self) -> PathBuf {
        self.dir().join("etc/config")
    }

    /// The executable stand-in for `/usr/sbin/pmta`.
    pub fn command_path(&self) -> PathBuf {
        self.dir().join("sbin/pmta")
    }

    /// The web monitor's self-signed certificate, for `ca_file`; the same file as `lib/webmon.pem`.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate.pem
    }

    /// The same, as DER: what a pin is the hash of.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate.der
    }

    /// The accounting files being written now.
    pub fn live_files(&self) -> Vec<PathBuf> {
        self.shared.world().books.files.iter().map(|file| file.path().to_owned()).collect()
    }

    pub fn log_folder(&self) -> PathBuf {
        self.shared.world().options.log_folder()
    }

    /// What was done so far, records in a partial write included.
    pub fn truth(&self) -> Truth {
        self.shared.world().books.truth.clone()
    }

    pub fn totals(&self) -> Counts {
        self.shared.world().books.truth.total
    }

    /// What the scenario holds, with its times.
    pub fn incidents(&self) -> Vec<Incident> {
        self.shared.world().flow.incidents.clone()
    }

    /// Recipients waiting in all queues.
    pub fn waiting(&self) -> u64 {
        self.shared.world().flow.waiting()
    }

    pub fn process_id(&self) -> u32 {
        self.shared.world().pid
    }

    /// Ends the servers; also done by dropping.
    pub fn stop(self) {
        mem::drop(self);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
    }
}

impl Options {
    /// The virtual clock starts at the real time.
    pub fn begin_from_now(mut self) -> Self {
        // The one look at the real clock; everything else follows the virtual one.
        #[allow(clippy::disallowed_methods)]
        let now = SystemTime::now();
        self.start = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        self
    }

    /// The same host in this folder.
    pub fn in_dir(mut self, dir: &Path) -> Self {
        self.dir = dir.to_owned();
        self
    }
}

fn door(door: &Mutex<Door>, shut: bool) -> Result<(), SimError> {
    let mut door = door.lock().unwrap_or_else(PoisonError::into_inner);
    if shut {
        door.shut();
        return Ok(());
    }
    door.reopen()
}
