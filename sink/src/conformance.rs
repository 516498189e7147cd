//! The contract of a sink, as functions of a destination: every sink passes [`keeps_the_contract`],
//! and sinks that can take back unacknowledged records also pass [`takes_back`]. They panic at the
//! first broken rule.

mod rules;
mod taking_back;

use std::future::Future;
use std::ops::Range;

use bytes::Bytes;
use serde_json::Value;
use windlass_core::window::Window;

use crate::{Batch, Reject, Sink, SinkError, WindowWriter, Written};

/// A destination as an observer sees it, without the sink.
pub trait Destination {
    /// The sink under test.
    type Sink: Sink;

    /// A new sink for this destination, as after a program's start.
    fn sink(&self) -> Self::Sink;

    /// The final lines of `window` without line ends; `None` when it has no output.
    fn output(&self, window: &Window) -> Option<Vec<String>>;

    /// The final rejects of `window` with their page numbers.
    fn rejects(&self, window: &Window) -> Vec<(u64, Reject)>;
}

/// A destination that can take back unacknowledged records.
pub trait TakingBack: Destination {
    /// The lines of `window` in the unfinished output after `window.restarts` restarts.
    fn in_progress(&self, window: &Window) -> Vec<String>;

    /// Removes acknowledged data from the unfinished output.
    fn lose(&self, window: &Window);
}

/// Checks the rules for every sink. `new` returns an empty destination.
pub async fn keeps_the_contract<D: Destination>(new: impl Fn() -> D) {
    rules::lines_keep_their_order(&new()).await;
    rules::pages_without_anything_are_acknowledged(&new()).await;
    rules::rejects_keep_their_place_reason_and_bytes(&new()).await;
    rules::finishing_twice_changes_nothing(&new()).await;
    rules::windows_never_mix(&new()).await;
    rules::the_pieces_of_a_page_are_all_delivered(&new()).await;
}

/// Checks the rules for sinks whose destination can take back records.
pub async fn takes_back<D: TakingBack>(new: impl Fn() -> D) {
    taking_back::nothing_is_final_before_finish(&new()).await;
    taking_back::a_window_without_records_has_no_output(&new()).await;
    taking_back::acknowledged_lines_survive_a_stop(&new()).await;
    taking_back::lines_after_the_checkpoint_are_gone_after_a_stop(&new()).await;
    taking_back::pieces_of_a_page_are_gone_after_a_stop_before_its_last(&new()).await;
    taking_back::lines_before_the_first_checkpoint_are_gone_after_a_stop(&new()).await;
    taking_back::rejects_are_taken_back_like_lines(&new()).await;
    taking_back::a_window_that_was_finished_can_be_continued(&new()).await;
    taking_back::a_window_of_one_page_that_was_finished_can_be_repeated(&new()).await;
    taking_back::finishing_again_after_a_stop_changes_nothing(&new()).await;
    taking_back::a_restart_replaces_the_output_only_when_it_finishes(&new()).await;
    taking_back::a_restart_keeps_the_older_pass_until_it_finishes(&new()).await;
    taking_back::a_restart_that_finds_nothing_leaves_no_output(&new()).await;
    taking_back::what_was_lost_is_said_and_a_restart_recovers(&new()).await;
    taking_back::a_position_it_never_gave_is_lost(&new()).await;
}

/// A new window of one hour of `source`.
///
/// # Panics
/// `source` is not a valid source name.
pub fn window(source: &str) -> Window {
    let id = format!("{source}/0123456789ab/live/2026-01-01T03:00:00.000Z");
    let id = id.parse().expect("the source has a valid name");
    let to = "2026-01-01T04:00:00Z".parse().expect("a valid time");
    Window::new(id, to, to).expect("it ends after it starts")
}

/// Line `number` of `window`.
pub fn line(window: &Window, number: u64) -> String {
    format!(r#"{{"of":"{}","n":{number}}}"#, window.id())
}

/// The lines of `window` with these numbers.
pub fn lines(window: &Window, numbers: Range<u64>) -> Vec<String> {
    numbers.map(|number| line(window, number)).collect()
}

/// A page of `window` with these lines and no rejects.
pub fn page(window: &Window, page: u64, numbers: Range<u64>) -> Batch {
    let (mut text, mut ends) = (String::new(), Vec::new());
    for line in lines(window, numbers) {
        text.push_str(&line);
        text.push('\n');
        ends.push(text.len());
    }
    let (window, lines) = (window.id().clone(), Bytes::from(text));
    Batch {
        window,
        page,
        first: 0,
        lines,
        ends,
        rejects: Vec::new(),
    }
}

/// A reject at `index` with the record `raw`.
pub fn reject(index: usize, raw: &[u8]) -> Reject {
    Reject {
        index,
        reason: format!("reason {index}"),
        raw: Bytes::copy_from_slice(raw),
    }
}

/// `window` after a checkpoint with `position`.
pub fn checkpointed(window: &Window, position: Option<String>) -> Window {
    window.clone().with(|form| {
        form.page = window.page() + 1;
        form.sink_position = position;
    })
}

/// `window` after a restart.
pub fn restarted(window: &Window) -> Window {
    window.clone().with(|form| {
        form.sink_position = None;
        form.restarts = window.restarts() + 1;
    })
}

async fn opened<D: Destination>(destination: &D, window: &Window) -> <D::Sink as Sink>::Writer {
    good(destination.sink().open(window)).await
}

/// The value of a call that must succeed.
async fn good<T>(call: impl Future<Output = Result<T, SinkError>>) -> T {
    match call.await {
        Ok(value) => value,
        Err(error) => panic!("a call failed that should not: {error}"),
    }
}

/// The lines of `window` among `lines` of this contract.
///
/// # Panics
/// A line is not JSON.
pub fn lines_of(window: &Window, lines: Vec<String>) -> Vec<String> {
    let of = Value::from(window.id().to_string());
    let of_window = |line: &String| parsed(line)["of"] == of;
    lines.into_iter().filter(of_window).collect()
}

/// The reject in `line` from the rejects of a stream or a collector, with its page; `None` if it
/// belongs to another window.
///
/// # Panics
/// The line is not a reject.
pub fn reject_of(window: &Window, line: &str) -> Option<(u64, Reject)> {
    let value = parsed(line);
    let number = |field: &str| value[field].as_u64().expect("a number");
    let raw = match value["raw"].as_str() {
        Some(raw) => raw.as_bytes().to_vec(),
        // The one record of the contract that is not UTF-8.
        None => b"not utf-8: \xff\xfe\x00".to_vec(),
    };
    let reject = Reject {
        index: usize::try_from(number("index")).expect("an index"),
        reason: value["reason"].as_str().expect("a reason").to_owned(),
        raw: raw.into(),
    };
    (value["window"] == window.id().to_string()).then(|| (number("page"), reject))
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("a line of JSON")
}

/// The position of a durable batch.
///
/// # Panics
/// The batch is only held.
pub fn position(written: Written) -> Option<String> {
    match written {
        Written::Durable(position) => position,
        Written::Held => panic!("the batch is held and not durable"),
    }
}

/// Delivers `page` and returns the window after its checkpoint.
async fn delivered(writer: &mut impl WindowWriter, window: &Window, page: &Batch) -> Window {
    let position = match good(writer.write(page)).await {
        Written::Durable(position) => position,
        Written::Held => good(writer.flush()).await,
    };
    checkpointed(window, position)
}
