//! The order of the steps of a page, for every kind of sink.

use super::*;

/// The properties of a sink that the machine depends on.
#[derive(Clone, Copy)]
struct Sinks {
    holds: bool,
    makes_final: bool,
}

/// Performs every step of a page of two pieces, and returns their names and the checkpoint.
fn walk(is_last: bool, sink: Sinks) -> (Vec<&'static str>, Checkpoint) {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z";
    let now = Timestamp::from_ms(0);
    let window = Window::new(id.parse().unwrap(), Timestamp::MAX, now).unwrap();
    let facts = || PageFacts {
        window: &window,
        strict_order: None,
        cursor: None,
        totals: PageTotals::default(),
        in_order: true,
        timeless: false,
        page_ms: 0,
        now,
    };
    let (mut steps, mut checkpoint) = (Vec::new(), None);
    let mut step = first_step(is_last);
    loop {
        let (name, next) = match step {
            Step::Write(write) if steps.is_empty() => ("write", write.piece_written()),
            Step::Write(write) => {
                let written = if sink.holds {
                    Written::Held
                } else {
                    Written::Durable(Some("after".to_owned()))
                };
                ("write", write.page_written(written, sink.makes_final))
            }
            Step::Flush(flush) => ("flush", flush.flushed(Some("flushed".to_owned()))),
            Step::Sync(sync) => ("sync", sync.synced()),
            Step::Finish(finish) => ("finish", finish.finished()),
            Step::Remember(remember) => ("remember", remember.remembered(true)),
            Step::Checkpoint(commit) => {
                checkpoint = Some(commit.checkpoint(facts()));
                ("checkpoint", commit.committed())
            }
            Step::Complete(commit) => {
                checkpoint = Some(commit.checkpoint(facts()));
                ("complete", commit.committed())
            }
            Step::Done => return (steps, checkpoint.expect("a page is checkpointed")),
        };
        steps.push(name);
        step = next;
    }
}

#[test]
fn page_is_acknowledged_remembered_then_checkpointed() {
    for makes_final in [false, true] {
        let holds = false;
        let (steps, checkpoint) = walk(false, Sinks { holds, makes_final });
        assert_eq!(steps, ["write", "write", "remember", "checkpoint"]);
        assert_eq!(checkpoint.sink_position.as_deref(), Some("after"));
        assert!(checkpoint.remembered);
        let holds = true;
        let (steps, checkpoint) = walk(false, Sinks { holds, makes_final });
        assert_eq!(steps, ["write", "write", "flush", "remember", "checkpoint"]);
        assert_eq!(checkpoint.sink_position.as_deref(), Some("flushed"));
    }
}

#[test]
fn output_is_final_before_window_is_done() {
    for holds in [false, true] {
        let makes_final = false;
        let (steps, checkpoint) = walk(true, Sinks { holds, makes_final });
        assert_eq!(steps, ["write", "write", "finish", "remember", "complete"]);
        // Output that was buffered and is finished needs no position.
        assert_eq!(checkpoint.sink_position.is_none(), holds);
    }
}

#[test]
fn state_syncs_before_output_is_final() {
    for holds in [false, true] {
        let makes_final = true;
        let (steps, _) = walk(true, Sinks { holds, makes_final });
        let finish = steps.iter().position(|step| *step == "finish");
        let sync = steps.iter().position(|step| *step == "sync");
        assert!(sync.is_some() && sync < finish, "{steps:?}");
    }
}

#[test]
fn order_holds_only_with_every_record_timed() {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z";
    let now = Timestamp::from_ms(0);
    let window = Window::new(id.parse().unwrap(), Timestamp::MAX, now).unwrap();
    let mut step = first_step(false);
    let commit = loop {
        step = match step {
            Step::Write(write) => write.page_written(Written::Durable(None), false),
            Step::Remember(remember) => remember.remembered(false),
            Step::Checkpoint(commit) => break commit,
            other => panic!("{other:?}"),
        };
    };
    let ordered = |strict_order, in_order, timeless| {
        let facts = PageFacts {
            window: &window,
            strict_order,
            cursor: None,
            totals: PageTotals::default(),
            in_order,
            timeless,
            page_ms: 0,
            now,
        };
        commit.checkpoint(facts).ordered
    };
    let strict = Some(Order::OldestFirst);
    assert!(ordered(strict, true, false));
    assert!(!ordered(strict, false, false));
    assert!(!ordered(strict, true, true));
    assert!(ordered(None, true, true));
}
