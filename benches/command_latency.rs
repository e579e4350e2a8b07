//! From a frame on the wire to the command frame that answers it, with Redis and the disk gone, beside a null loop with the same
//! thread hops:
//!
//!     cargo bench -p growctl-engine --bench command_latency
//!
//! A socket pair stands for the CAN interface of a whole engine, as `growctl run` starts it: the shipped map and rules, one
//! device more and one rule more, which answers every eighth frame with a command. Its redis-server is stopped with SIGSTOP; its
//! folder is a file system of 24 MB that is full. The null loop reads its own socket pair with the same `serve_on`, hands frames
//! to a thread through the same queue, and that thread puts the command frame at once where the engine would. Both take turns of
//! a second, at 8,000 frames a second. A command that a newer one replaced before it was sent counts until the newer one is out.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the socket pair and the small disk need Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, VecDeque};
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::process::Command;
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::{Duration, Instant};

    use growctl_engine::app::{Clock, Loader, run_on};
    use growctl_engine::can::{BusCounts, BusHealth, BusId, CanId, Filter, Frame, Listener, Port, Rates, serve_on};
    use growctl_engine::files::Report;
    use growctl_engine::model::{Full, Queue, Timestamp};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use serde_json::Value;

    use super::support::{Redis, now, pause, wait_for};

    const FOLDER: &str = "GROWCTL_BENCH_FOLDER";
    const RATE: u64 = 8_000;
    /// Every so many frames one asks for a command.
    const MARKED: u64 = 8;
    const TURN: Duration = Duration::from_secs(1);
    const TURNS: usize = 60;
    const MARK: u32 = 0x1F1;
    const FAN: u32 = 0x305;
    /// What a device says is on the identifier of its command and so much.
    const FEEDBACK: u32 = 0x80;
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Runs itself again where a small file system is mounted.
    pub(super) fn main() {
        if let Ok(folder) = std::env::var(FOLDER) {
            return measure(Path::new(&folder));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let exe = std::env::current_exe().expect("a benchmark has a path");
        let script = "mount -t tmpfs -o size=24m tmpfs \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(folder.path()).arg(exe);
        let status = command.env(FOLDER, folder.path()).status();
        if !status.is_ok_and(|status| status.success()) {
            println!("not measured: is redis-server installed, and may a user mount a file system of his own here?");
        }
    }

    fn measure(folder: &Path) {
        let redis = Redis::start();
        lay_out(folder, &redis.url());
        let (engine, null) = (Arm::of(|socket| start(folder, socket)), Arm::of(echo));
        wait_for("the engine", || status(folder).is_some_and(|status| status["redis"]["bridge"]["up"] == true));
        let mut nodes = Nodes::of(folder);
        [&engine, &null].into_iter().for_each(|arm| arm.turn(&mut nodes, 2 * TURN));
        take_away(folder, &redis, || engine.turn(&mut nodes, TURN / 10));
        [&engine, &null].into_iter().for_each(Arm::forget);
        tell_troubles(folder, "before");
        let began = now();
        for _ in 0..TURNS {
            [&engine, &null].into_iter().for_each(|arm| arm.turn(&mut nodes, TURN));
        }
        println!("measured for {:.0} s", began.elapsed().as_secs_f64());
        tell_troubles(folder, "after ");
        print(&engine, &null);
    }

    fn print(engine: &Arm, null: &Arm) {
        let told = [("engine", engine), ("null loop", null)].map(|(name, arm)| {
            let watch = lock(&arm.watch);
            let (sent, took) = (watch.sent as f64, watch.took.as_secs_f64());
            let mut latencies = watch.latencies.clone();
            latencies.sort_unstable();
            println!(
                "{name:<10} {:>7.0} frames/s, {} commands, {} of them out with a newer one, {} never",
                sent / took,
                latencies.len(),
                watch.replaced,
                watch.open.len()
            );
            latencies
        });
        println!("{:<10} {:>10} {:>10} {:>8}", "", "engine", "null loop", "ratio");
        for (name, share) in [("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            let [engine, null] = told.each_ref().map(|all| {
                let at = (all.len() as f64 * share) as usize;
                all[at.min(all.len() - 1)] as f64 / 1_000.0
            });
            println!("{name:<10} {engine:>7.1} µs {null:>7.1} µs {:>8.2}", engine / null);
        }
    }

    /// The shipped site with an interface, a device and a rule.
    fn lay_out(folder: &Path, redis: &str) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
        let map = fs::read_to_string(shipped.join("channels.yaml")).expect("it is shipped");
        let changes = [
            ("{simulate: true}", "{interface: pair}"),
            (
                "\nframes:",
                "\nframes:\n  mark: {length: 8, cycle: 1s, publish: always, signals: {mark: {byte: 0, type: u8}}}",
            ),
            ("\nrooms:", "\nrooms:\n  R: {bench: [{node: R-M, frame: mark, bus: can0, id: 0x1F1}]}"),
            (
                "\ndevices:",
                "\ndevices:\n  R:\n    fan:\n      kind: fan\n      safe: 15\n      watchdog: 15s\n      repeat: 5s\n      \
                command: {bus: can0, id: 0x305, frame: fan_command, signal: speed, with: {enable: \"on\"}}\n      \
                feedback: {bus: can0, id: 0x385, frame: fan_status, signal: speed, tolerance: 3, within: 3s}",
            ),
        ];
        let change = |map: String, (old, new)| {
            assert_eq!(map.matches(old).count(), 1, "{old} is once in the shipped map");
            map.replacen(old, new, 1)
        };
        let map = changes.into_iter().fold(map, change);
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it can be written");
        write("channels.yaml", &map);
        write("growctl.yaml", &format!("redis: {{url: \"{redis}\"}}\n"));
        fs::create_dir(folder.join("rules")).expect("it can be made");
        for rule in fs::read_dir(shipped.join("rules")).expect("they are shipped").flatten() {
            fs::copy(rule.path(), folder.join("rules").join(rule.file_name())).expect("it can be copied");
        }
        let rule = "subscribe: \"sensor:update:R:bench\"\neach: |\n  device(\"R\", \"fan\").set(msg.mark / 2.0);\n";
        write("rules/answer.yaml", rule);
    }

    /// The whole engine, as `growctl run` runs it.
    fn start(folder: &Path, socket: OwnedFd) {
        let folder = folder.to_owned();
        let work = move || {
            let mut report = Report::default();
            let opened = Loader::open(&folder, &mut report);
            let (loader, site) = opened.unwrap_or_else(|| panic!("{}", report.render(false)));
            let said = report.render(false);
            assert!(said.is_empty(), "{said}");
            let sockets = BTreeMap::from([("pair".to_owned(), socket)]);
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(run_on(loader, site, &report, sockets, std::future::pending())).expect("it runs");
        };
        thread::Builder::new().name("run".to_owned()).spawn(work).expect("a thread");
    }

    /// The same threads and queues, without an engine between them.
    fn echo(socket: OwnedFd) {
        let (clock, frames) = (Clock::start(), Queue::new("frames", 4_096, Full::DropOldest));
        let port = Port::new("null", BusId(0), Filter::All, Rates::default());
        let (pending, ear) = (port.pending.clone(), Ear { clock, frames: frames.clone() });
        let read = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve_on(port, socket, ear)).expect("it can be waited for");
        };
        let answer = move || {
            let mut taken = Vec::new();
            let (mark, fan) = (CanId::standard(MARK).expect("11 bits"), CanId::standard(FAN).expect("11 bits"));
            loop {
                if frames.pop_many(256, &mut taken) == 0 {
                    frames.doorbell().wait(Duration::from_millis(100));
                }
                for frame in taken.drain(..).filter(|frame| frame.id == mark) {
                    let bytes = [frame.bytes()[0], 1];
                    let command = Frame::data(clock.now(), BusId(0), fan, &bytes).expect("2 bytes");
                    pending.put(&command, PATIENCE);
                }
            }
        };
        thread::Builder::new().name("null can".to_owned()).spawn(read).expect("a thread");
        thread::Builder::new().name("null".to_owned()).spawn(answer).expect("a thread");
    }

    struct Ear {
        clock: Clock,
        frames: Arc<Queue<Frame>>,
    }

    impl Listener for Ear {
        fn now(&self) -> Timestamp {
            self.clock.now()
        }

        fn frames(&mut self, frames: &mut Vec<Frame>) {
            self.frames.push_all(frames, drop);
        }

        fn health(&mut self, _: &BusHealth, _: BusCounts) {}
    }

    /// Stops Redis, and fills the disk until the store has used up its reserve too.
    fn take_away(folder: &Path, redis: &Redis, mut go_on: impl FnMut()) {
        redis.stop();
        let mut filler = File::create(folder.join("filler")).expect("there is still room");
        wait_for("that both are gone", || {
            while filler.write_all(&[0x55; 1 << 10]).is_ok() {}
            go_on();
            status(folder).is_some_and(|status| {
                let reason = status["store"]["reason"].as_str();
                status["redis"]["bridge"]["up"] == false && reason.is_some_and(|why| why.contains("the disk is full"))
            })
        });
    }

    fn tell_troubles(folder: &Path, when: &str) {
        let status = status(folder).expect("it answers");
        let (bridge, store, frames) = (&status["redis"]["bridge"], &status["store"], &status["queues"]["frames"]);
        println!("{when}: Redis up {}, {}; {} published", bridge["up"], bridge["reason"], bridge["published"]);
        println!("{when}: store {}, {}; {} commits", store["state"], store["reason"], store["commits"]);
        println!(
            "{when}: {} frames in, {} dropped, {} commands",
            frames["received"], frames["dropped"], status["core"]["commands"]
        );
    }

    /// What `growctl status` would show.
    fn status(folder: &Path) -> Option<Value> {
        let mut socket = UnixStream::connect(folder.join(".growctl/control.sock")).ok()?;
        socket.write_all(b"GET /status HTTP/1.1\r\nHost: growctl\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// One end of a socket pair, the other being read by the engine or by the null loop.
    struct Arm {
        wire: File,
        watch: Arc<Mutex<Seen>>,
    }

    /// What the sending and the listening thread of an arm share.
    #[derive(Default)]
    struct Seen {
        /// Marks that no command has answered, and when they were sent.
        open: VecDeque<(u8, Instant)>,
        /// Of the answered ones, in nanoseconds.
        latencies: Vec<u64>,
        /// Those that only a newer command answered.
        replaced: u64,
        /// What devices have yet to say, in the order of the commands.
        feedback: VecDeque<[u8; 16]>,
        sent: u64,
        took: Duration,
    }

    impl Arm {
        fn of(serve: impl FnOnce(OwnedFd)) -> Arm {
            let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
            let (ours, theirs) = pair.expect("Linux has them");
            let watch = Arc::<Mutex<Seen>>::default();
            let (wire, heard) = (File::from(ours), watch.clone());
            let ear = wire.try_clone().expect("a descriptor");
            thread::Builder::new().name("listener".to_owned()).spawn(move || listen(ear, &heard)).expect("a thread");
            serve(theirs);
            Arm { wire, watch }
        }

        /// Sends for so long, each frame at its time, and waits until all is answered, or for a while.
        fn turn(&self, nodes: &mut Nodes, length: Duration) {
            let began = now();
            let frames = length.as_nanos() as u64 * RATE / 1_000_000_000;
            for n in 0..frames {
                let due = Duration::from_nanos(n * 1_000_000_000 / RATE);
                #[allow(clippy::disallowed_methods)] // the pace of a bus
                thread::sleep(due.saturating_sub(began.elapsed()));
                self.send(nodes, n % MARKED == 0);
            }
            let mut seen = lock(&self.watch);
            seen.sent += frames;
            seen.took += began.elapsed();
            drop(seen);
            let end = now() + PATIENCE;
            while !lock(&self.watch).open.is_empty() && now() < end {
                pause();
            }
        }

        fn send(&self, nodes: &mut Nodes, marked: bool) {
            let frame = if marked {
                let mark = nodes.mark();
                lock(&self.watch).open.push_back((mark[8], now()));
                mark
            } else {
                let feedback = lock(&self.watch).feedback.pop_front();
                feedback.unwrap_or_else(|| nodes.reading())
            };
            (&self.wire).write_all(&frame).expect("the other end reads");
        }

        fn forget(&self) {
            *lock(&self.watch) = Seen::default();
        }
    }

    /// Takes the commands, and lets each device say that it is so.
    fn listen(mut wire: File, watch: &Mutex<Seen>) {
        let mut frame = [0_u8; 16];
        while wire.read(&mut frame).is_ok_and(|read| read == 16) {
            let at = now();
            let id = u32::from_ne_bytes([frame[0], frame[1], frame[2], frame[3]]);
            let mut seen = lock(watch);
            let answered = (id == FAN).then(|| seen.open.iter().position(|(mark, _)| *mark == frame[8]));
            // A repeated command answers nothing.
            if let Some(newest) = answered.flatten() {
                seen.replaced += newest as u64;
                let waited: Vec<_> = seen.open.drain(..=newest).map(|(_, sent)| at - sent).collect();
                seen.latencies.extend(waited.into_iter().map(|waited| waited.as_nanos() as u64));
            }
            let length = if matches!(id, 0x301 | FAN) { 3 } else { 1 };
            seen.feedback.push_back(can_frame(id + FEEDBACK, &[frame[8], 0, 0][..length]));
        }
    }

    /// What the nodes of the site say.
    struct Nodes {
        ids: Vec<u32>,
        said: u64,
        marks: u8,
    }

    impl Nodes {
        fn of(folder: &Path) -> Nodes {
            let site = Loader::open(folder, &mut Report::default()).expect("it runs by it").1;
            let ids = site.map.nodes.iter().map(|node| node.id.raw()).filter(|id| *id != MARK).collect();
            Nodes { ids, said: 0, marks: 0 }
        }

        fn reading(&mut self) -> [u8; 16] {
            self.said += 1;
            let id = self.ids[self.said as usize % self.ids.len()];
            can_frame(id, &[0x00, 0xF0 + (self.said / 64 % 8) as u8, 0x02, 0x58, 0x03, 0x20, 0, 0])
        }

        /// Another one than the last, within what the fan can do.
        fn mark(&mut self) -> [u8; 16] {
            self.marks = (self.marks + 1) % 200;
            can_frame(MARK, &[self.marks, 0, 0, 0, 0, 0, 0, 0])
        }
    }

    fn can_frame(id: u32, data: &[u8]) -> [u8; 16] {
        let mut frame = [0; 16];
        frame[..4].copy_from_slice(&id.to_ne_bytes());
        frame[4] = data.len() as u8;
        frame[8..8 + data.len()].copy_from_slice(data);
        frame
    }

    fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        mutex.lock().expect("nobody panicked")
    }
}
