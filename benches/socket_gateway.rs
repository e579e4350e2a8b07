//! Four full 1 Mbit/s buses, 35,000 frames a second, from a socket through the shipped map and rules, on the way that
//! SocketCAN frames take: a socket pair carries `can_frame`s, `serve_on` reads them, a queue leads to a thread with the Core.
//!
//!     cargo bench -p growctl-engine --bench socket_gateway
//!
//! It prints the processor time of the two threads by /proc, as a share of one core, and what of it is the reading; then the
//! memory after 1 and after 10 million frames, as fast as they go.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("SocketCAN needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use growctl_engine::app::{Clock, Core, Loader, Output, Site};
    use growctl_engine::can::{BusCounts, BusHealth, BusId, CanId, Filter, Frame, Listener, Port, Rates, serve_on};
    use growctl_engine::files::Report;
    use growctl_engine::model::{Full, Queue, Timestamp};
    use growctl_engine::rules::Engine;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::support::{now, pause, wait_for};

    const RATE: u64 = 35_000;
    const PACED: u64 = RATE * 10;
    const FIRST: u64 = 1_000_000;
    const ALL: u64 = 10_000_000;

    pub(super) fn main() {
        let plant = Plant::start();
        wait_for("the threads", || plant.find("can").is_some() && plant.find("control").is_some());
        let (reader, control) = (plant.cpu("can"), plant.cpu("control"));
        let began = now();
        plant.send(PACED, Some(RATE));
        plant.settle(PACED);
        let took = began.elapsed();
        let share = |before: Duration, name| (plant.cpu(name) - before).as_secs_f64() / took.as_secs_f64() * 100.0;
        let (reader, control) = (share(reader, "can"), share(control, "control"));
        let published = plant.published.load(Ordering::Relaxed);
        println!("{PACED} frames in {:.2} s: {published} published", took.as_secs_f64());
        println!("reading the socket       {reader:>6.1} % of a core");
        println!("map, rules, devices      {control:>6.1} % of a core");
        println!("both                     {:>6.1} % of a core; a third is the limit", reader + control);
        plant.send(FIRST - PACED, None);
        plant.settle(FIRST);
        let before = resident();
        let began = now();
        plant.send(ALL - FIRST, None);
        plant.settle(ALL);
        let rate = (ALL - FIRST) as f64 / began.elapsed().as_secs_f64();
        println!("as fast as it goes       {rate:>10.0} frames/s");
        println!("memory                   {before:>6} kB after 1 million frames, {} kB after 10 million", resident());
        let (counts, queue) = (plant.port.watch.look().1, plant.frames.counts());
        assert_eq!(counts.received, queue.received, "all that was read was handed on");
        assert_eq!(queue.received, queue.taken + queue.dropped + queue.pending);
        println!("dropped for newer ones   {:>6} of {}", queue.dropped, queue.received);
    }

    /// The receiving side, and the end of the pair that is written to.
    struct Plant {
        wire: File,
        ids: Vec<u32>,
        port: Port,
        frames: Arc<Queue<Frame>>,
        published: Arc<AtomicU64>,
        _threads: [JoinHandle<()>; 2],
    }

    impl Plant {
        fn start() -> Plant {
            let (site, core) = shipped();
            let ids = site.map.nodes.iter().map(|node| node.id).filter_map(short).collect();
            let (ours, theirs) = pair();
            let clock = Clock::start();
            let frames = Queue::new("frames", 4_096, Full::DropOldest);
            let port = Port::new("pair", BusId(0), Filter::All, Rates::default());
            let published = Arc::<AtomicU64>::default();
            let threads = [
                reader(port.clone(), ours, clock, frames.clone()),
                control(core, clock, frames.clone(), published.clone()),
            ];
            Plant { wire: File::from(theirs), ids, port, frames, published, _threads: threads }
        }

        /// Writes so many frames, at a rate or as fast as they are taken.
        fn send(&self, count: u64, rate: Option<u64>) {
            let began = now();
            for n in 0..count {
                let mut frame = [0_u8; 16];
                let id = self.ids[n as usize % self.ids.len()];
                frame[..4].copy_from_slice(&id.to_ne_bytes());
                frame[4] = 8;
                frame[8..].copy_from_slice(&[0x00, 0xF0 + (n / 64 % 8) as u8, 0x02, 0x58, 0x03, 0x20, 0, 0]);
                (&self.wire).write_all(&frame).expect("the other end reads");
                // In bursts of a millisecond, as an adapter on USB hands them over.
                if let Some(rate) = rate.filter(|rate| n % (rate / 1_000) == 0) {
                    let due = Duration::from_secs_f64(n as f64 / rate as f64);
                    #[allow(clippy::disallowed_methods)] // the pace of a bus
                    thread::sleep(due.saturating_sub(began.elapsed()));
                }
            }
        }

        fn settle(&self, sent: u64) {
            wait_for("the frames", || self.port.watch.look().1.received == sent && self.frames.is_empty());
            pause();
        }

        /// Where the thread of that name is told of.
        fn find(&self, name: &str) -> Option<PathBuf> {
            let named = |path: &Path| std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
            let mut tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten().map(|task| task.path());
            tasks.find(|path| named(path))
        }

        /// Processor time of the thread of that name.
        fn cpu(&self, name: &str) -> Duration {
            let path = self.find(name).expect("it runs");
            // Nanoseconds on a processor, time waiting for one, turns.
            let stat = std::fs::read_to_string(path.join("schedstat")).expect("Linux tells");
            let nanos = stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
            Duration::from_nanos(nanos.expect("a number"))
        }
    }

    fn shipped() -> (Site, Core) {
        let mut report = Report::default();
        let opened = Loader::open(Path::new(env!("CARGO_MANIFEST_DIR")), &mut report);
        let (_, site) = opened.unwrap_or_else(|| panic!("{}", report.render(false)));
        let start = Timestamp::default();
        let core =
            Core::new(&site.map, Engine::new(site.book("bench".into()), Site::host(), start), *b"bench000", start);
        (site, core)
    }

    fn short(id: CanId) -> Option<u32> {
        matches!(id, CanId::Standard(_)).then(|| id.raw())
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("Linux has them")
    }

    fn reader(port: Port, socket: OwnedFd, clock: Clock, frames: Arc<Queue<Frame>>) -> JoinHandle<()> {
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve_on(port, socket, Ear { clock, frames })).expect("it can be waited for");
        };
        thread::Builder::new().name("can".to_owned()).spawn(work).expect("a thread")
    }

    fn control(mut core: Core, clock: Clock, frames: Arc<Queue<Frame>>, published: Arc<AtomicU64>) -> JoinHandle<()> {
        let work = move || {
            let (mut taken, mut out) = (Vec::new(), Vec::new());
            core.start(clock.now(), &mut out);
            loop {
                if frames.pop_many(256, &mut taken) == 0 {
                    frames.doorbell().wait(Duration::from_millis(100));
                }
                for frame in taken.drain(..) {
                    core.frame(frame.at, &frame, &mut out);
                }
                core.advance(clock.now(), &mut out);
                let count = out.drain(..).filter(|output| matches!(output, Output::Publish(_))).count();
                published.fetch_add(count as u64, Ordering::Relaxed);
            }
        };
        thread::Builder::new().name("control".to_owned()).spawn(work).expect("a thread")
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

    /// Kilobytes in memory.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}
