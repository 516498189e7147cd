//! Windows too large for any run: they are halved instead of restarted forever.

use std::path::{Path, PathBuf};

use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::deadline::Deadline;
use windlass_core::frontier::parts_of;
use windlass_core::moves::Decision;
use windlass_core::split::WindowSplit;
use windlass_core::transition::{Cause, Claim, Event, Release};
use windlass_core::{Lease, Owner, Progress, Status, Window, WindowId, limits};
use windlass_sink::conformance::position;
use windlass_sink::ndjson::{NdjsonSink, Readers};
use windlass_sink::{Batch, Sink, WindowWriter};
use windlass_state::{MemoryStore, StateStore};

use super::fake_vendor::{all, names, page_of, response, well};
use super::harness::{Bench, after};
use crate::Outcome;

/// Time for one page.
fn one_page() -> Deadline {
    Deadline::killed_at(after(limits::DEADLINE_MARGIN_MS))
}

/// A tick's halving of the bench's window. Returns the right half's id.
pub(super) async fn halve(bench: &Bench) -> WindowId {
    let window = bench.window().await;
    let unit_ms = bench.definition.policy.unit_ms;
    let parts = parts_of(&window, unit_ms).expect("it waits for that");
    let [right] = parts.unread[..] else {
        panic!("{parts:?}")
    };
    let from = right.from();
    let id = WindowId {
        from,
        ..window.id().clone()
    };
    let created = Window::new(id.clone(), right.to(), after(0)).unwrap();
    let (to, now) = (from, after(0));
    let event = Event::Shrink { to, now };
    let (shard, policy) = (bench.definition.shard(), &bench.definition.policy);
    let stored = bench.store.progress_of(shard, &bench.definition.name).await;
    // Marks past both halves, so that a run takes no window but the one of its task.
    let begin = || Progress::begin(id.timeline.clone(), right.to(), None, policy, now);
    let split = WindowSplit {
        marks: stored.unwrap().pop().unwrap_or_else(begin),
        parent: Decision {
            seen: window,
            event,
        },
        parts: vec![created],
    };
    bench.store.split(shard, &split).await.unwrap();
    id
}

#[tokio::test]
async fn unfinishable_restarting_window_is_halved() {
    // Tokens are rejected once the run that received them has ended.
    let bench = Bench::new(|asked| match asked.page {
        0 => well(0, 4),
        _ => Ok(response(410, &[], "{}")),
    })
    .await;
    let mut width_ms = bench.window().await.span().width_ms();
    for restarts in 1..=limits::RESTARTS_MAX + 3 {
        bench.wait_until_due().await;
        let outcome = bench.run_for(one_page()).await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        let outcome = bench.run_when_due().await;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        let window = bench.window().await;
        assert_eq!(
            window.split().map(|split| split.at),
            window.span().midpoint(1)
        );
        assert_eq!(
            (window.restarts(), window.restarts_forgiven()),
            (restarts, restarts)
        );
        halve(&bench).await;
        bench.tick().await;
        let window = bench.window().await;
        assert_eq!(window.status(), Status::Ready);
        assert_eq!(window.span().width_ms(), width_ms / 2);
        width_ms /= 2;
    }
}

#[tokio::test]
async fn rejected_token_halves_overrun_window() {
    let bench = Bench::new(|asked| match asked.page {
        0 | 1 => well(asked.page, 4),
        _ => Ok(response(410, &[], "{}")),
    })
    .await;
    bench.run_for(one_page()).await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(
        window.split().map(|split| split.at),
        window.span().midpoint(1)
    );
}

#[tokio::test]
async fn stuck_token_parks_without_halving() {
    for next in ["p1", "p2"] {
        let bench = Bench::new(move |asked| match asked.page {
            1 => Ok(page_of(&names(1), Some(next))),
            page => Ok(page_of(&names(page), Some("p1"))),
        })
        .await;
        let whole = bench.window().await.span();
        for _ in 0..=limits::RESTARTS_MAX {
            let outcome = bench.run_when_due().await;
            assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
            assert_eq!(bench.window().await.split(), None);
        }
        bench.tick().await;
        let window = bench.window().await;
        assert_eq!((window.status(), window.span()), (Status::Parked, whole));
    }
}

#[tokio::test]
async fn halves_replace_output_of_halved_window() {
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    bench.run_for(one_page()).await;
    let lease = claimed(&bench.store, &bench.id).await;
    let half = lease.window().span().midpoint(1).unwrap();
    release(&bench.store, &lease, Cause::Halve(half)).await;
    let right = halve(&bench).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    let right = Bench { id: right, ..bench };
    assert_eq!(right.run().await, Outcome::Completed);
    assert_eq!(right.output(), all(2));
    let left = WindowId {
        from: lease.window().id().from,
        ..right.id.clone()
    };
    assert_eq!(right.output.output(&left).unwrap().len(), all(2).len());
}

/// A directory that is removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("windlass-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The lines of every file below `dir`, in order of the files' names.
fn lines_below(dir: &Path) -> Vec<String> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    entries.sort();
    let of = |path: &PathBuf| {
        if path.is_dir() {
            return lines_below(path);
        }
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    entries.iter().flat_map(of).collect()
}

async fn claimed(store: &MemoryStore, id: &WindowId) -> Lease {
    let window = store.window(id).await.unwrap().unwrap();
    let claim = Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(1),
        lease_until: after(1_000_000),
        now: after(0),
    };
    store.claim(id, &claim).await.unwrap()
}

async fn release(store: &MemoryStore, lease: &Lease, cause: Cause) -> Window {
    let release = Release {
        cause,
        not_before: None,
        error: None,
        now: after(0),
    };
    store.release(lease, &release).await.unwrap()
}

/// Delivers `lines` as the page of `lease`; without `token`, as the last page.
async fn page(
    writer: &mut impl WindowWriter,
    lease: &Lease,
    lines: &[&str],
    token: Option<&str>,
) -> Checkpoint {
    let window = lease.window();
    let text = lines.join("\n") + "\n";
    let ends = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let batch = Batch {
        window: window.id().clone(),
        page: window.page(),
        first: 0,
        lines: text.into(),
        ends,
        rejects: Vec::new(),
    };
    Checkpoint::from(PageMove {
        from: window.page(),
        cursor: token.map(|token| Cursor {
            token: token.to_owned(),
            request: "r".to_owned(),
        }),
        totals: PageTotals::default(),
        ordered: true,
        remembered: false,
        sink_position: position(writer.write(&batch).await.unwrap()),
        page_ms: 0,
        now: after(0),
    })
}

/// Completes the window `id` in one run of one page.
async fn whole(store: &MemoryStore, sink: &NdjsonSink, id: &WindowId, line: &str) {
    let lease = claimed(store, id).await;
    let mut writer = sink.open(lease.window()).await.unwrap();
    let last = page(&mut writer, &lease, &[line], None).await;
    writer.finish().await.unwrap();
    store.complete(&lease, &last, 0).await.unwrap();
}

/// Halving leaves each record once in files: a restart replaces the files from before it.
#[tokio::test]
async fn halved_window_leaves_each_record_once() {
    for finished in [false, true] {
        let directory = Directory::new(&format!("halves-{finished}"));
        let sink =
            NdjsonSink::new("files".to_owned(), directory.0.clone(), Readers::Owner).unwrap();
        let bench = Bench::new(|asked| well(asked.page, 1)).await;
        let (store, id) = (&bench.store, &bench.id);
        let lease = claimed(store, id).await;
        let mut writer = sink.open(lease.window()).await.unwrap();
        let checkpoint = page(&mut writer, &lease, &["early", "late"], Some("t1")).await;
        let lease = store.checkpoint(&lease, &checkpoint).await.unwrap();
        if finished {
            // Stopped between the last page and the state's `done`.
            page(&mut writer, &lease, &["last"], None).await;
            writer.finish().await.unwrap();
        }
        drop(writer);
        let half = lease.window().span().midpoint(1).unwrap();
        let waiting = release(store, &lease, Cause::Halve(half)).await;
        assert_eq!(waiting.split().map(|split| split.at), Some(half));
        let right = halve(&bench).await;
        whole(store, &sink, id, "early").await;
        whole(store, &sink, &right, "late").await;
        assert_eq!(lines_below(&directory.0), ["early", "late"], "{finished}");
    }
}
