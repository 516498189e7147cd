//! The vendors' actual records, the arrived ones, and the comparison of the two.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use windlass_core::ids::{Lane, SourceName, WindowId};
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::Policy;
use windlass_core::time::{SECOND_MS, Timestamp};
use windlass_core::window::Window;

use crate::clock::SKEW_MS_MAX;
use crate::files::Output;
use crate::true_time;
use crate::vendor::{Truth, Vendor};
use crate::world::{World, lock};

/// The records that each source has to deliver, and their arrivals.
#[derive(Debug)]
pub(crate) struct Truths {
    sources: BTreeMap<SourceName, SourceTruth>,
    output: Output,
    arrived: Mutex<Arrived>,
}

/// The records that one source has to deliver.
#[derive(Debug)]
pub(crate) struct SourceTruth {
    /// The vendor of the records.
    pub(crate) vendor: Arc<Vendor>,
    /// Its records, by time.
    pub(crate) records: Vec<Truth>,
    /// Position in `records` of each id.
    index: HashMap<String, usize>,
    /// Shard of the source.
    pub(crate) shard: Shard,
    /// Its first policy.
    pub(crate) policy: Policy,
}

/// One arrival of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The window that delivered it.
    pub(crate) window: WindowId,
    /// The page of that window.
    pub(crate) page: u64,
}

/// The arrivals so far.
#[derive(Debug, Default)]
struct Arrived {
    /// Number of the stream's lines, or version of the files, that was examined.
    upto: usize,
    /// Arrivals by source and record, in order.
    records: BTreeMap<SourceName, Vec<Vec<Arrival>>>,
    /// Ids of arrived lines that no vendor has.
    strangers: Vec<String>,
}

impl SourceTruth {
    /// The records of `feed` of `vendor` for a source with `policy` on `shard`.
    pub(crate) fn new(vendor: &Arc<Vendor>, feed: u32, shard: Shard, policy: &Policy) -> Self {
        let of_feed = vendor.truth().iter().filter(|record| record.feed == feed);
        let mut records: Vec<Truth> = of_feed.cloned().collect();
        records.sort_by_key(|record| record.time);
        let ids = records.iter().map(|record| record.id.clone());
        Self {
            vendor: Arc::clone(vendor),
            index: ids.zip(0..).collect(),
            records,
            shard,
            policy: policy.clone(),
        }
    }

    /// Returns true if `record` is past the vendor's retention, or will be within `margin_ms`.
    pub(crate) fn is_gone(&self, record: &Truth, at: Timestamp, margin_ms: i64) -> bool {
        let kept = self.vendor.spec().retention.map(|kept| kept.kept_ms);
        kept.is_some_and(|kept_ms| record.time.plus_ms(kept_ms) <= at.plus_ms(margin_ms))
    }
}

impl Truths {
    /// The records of `sources`, to be delivered into `output`.
    pub(crate) fn new(sources: BTreeMap<SourceName, SourceTruth>, output: Output) -> Self {
        let none = |(name, truth): (&SourceName, &SourceTruth)| {
            (name.clone(), vec![Vec::new(); truth.records.len()])
        };
        let arrived = Arrived {
            records: sources.iter().map(none).collect(),
            ..Arrived::default()
        };
        Self {
            sources,
            output,
            arrived: Mutex::new(arrived),
        }
    }

    /// The truth of each source, by name.
    pub(crate) fn sources(&self) -> &BTreeMap<SourceName, SourceTruth> {
        &self.sources
    }

    /// The secrets, which must not be stored anywhere.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &'static str> {
        self.sources.values().map(|truth| truth.vendor.secret())
    }

    /// The truth of `source`.
    pub(crate) fn of(&self, source: &SourceName) -> Option<&SourceTruth> {
        self.sources.get(source)
    }

    /// The arrivals of `source` so far, by record.
    pub(crate) fn arrivals(&self, source: &SourceName) -> Vec<Vec<Arrival>> {
        self.catch_up();
        let arrived = lock(&self.arrived);
        arrived.records.get(source).cloned().unwrap_or_default()
    }

    /// Returns true if records go to files, where each is once.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.output, Output::Files(_))
    }

    /// The arrived lines that no vendor has.
    pub(crate) fn strangers(&self) -> Vec<String> {
        self.catch_up();
        lock(&self.arrived).strangers.clone()
    }

    /// Reads the new lines of the stream, or all of the files when one has changed.
    fn catch_up(&self) {
        let mut arrived = lock(&self.arrived);
        let news = match &self.output {
            Output::Stream(stream) => {
                let news = stream.delivered_from(arrived.upto);
                arrived.upto += news.len();
                news
            }
            Output::Files(files) => {
                let version = usize::try_from(files.version()).unwrap_or(usize::MAX);
                if arrived.upto == version {
                    return;
                }
                arrived.upto = version;
                arrived.strangers.clear();
                for records in arrived.records.values_mut() {
                    records.iter_mut().for_each(Vec::clear);
                }
                files.delivered()
            }
        };
        for delivered in news {
            let window = delivered.window;
            let source = window.timeline.source.clone();
            let index = self.of(&source).and_then(|it| it.index.get(&delivered.id));
            let place = index.and_then(|index| arrived.records.get_mut(&source)?.get_mut(*index));
            match place {
                Some(arrivals) => arrivals.push(Arrival {
                    window,
                    page: delivered.page,
                }),
                None => arrived.strangers.push(delivered.id),
            }
        }
    }

    /// Checks the arrival of every record that was published in time and lies before the watermark
    /// `through` of a lane; and that the lane's marks have not gone back.
    pub(crate) fn look_for(&self, world: &World, progress: &Progress, through: Timestamp) {
        let timeline = &progress.timeline;
        let Some(truth) = self.of(&timeline.source) else {
            return;
        };
        let mut books = world.books();
        let settle_ms = books
            .sources
            .get(&timeline.source)
            .map_or(0, |book| book.settle_ms);
        let lane = books.lanes.entry(timeline.clone()).or_default();
        let marks = [
            (
                "scheduled_through",
                &mut lane.scheduled_through,
                progress.scheduled_through,
            ),
            ("complete_through", &mut lane.complete_through, through),
            ("open_from", &mut lane.open_from, progress.open_from),
        ];
        for (name, before, now) in marks {
            if before.is_some_and(|before| now < before) {
                let problem = format!("{name} of {timeline} went back from {before:?} to {now}");
                world.violate(problem);
            }
            *before = Some(now);
        }
        self.is_not_ahead(world, progress);
        if matches!(timeline.lane, Lane::Sweep(_)) {
            return;
        }
        let begin = truth.records.partition_point(|it| it.time < progress.start);
        let end = truth.records.partition_point(|it| it.time < through);
        let from = lane.looked_for.max(begin);
        if from >= end {
            return;
        }
        lane.looked_for = end;
        drop(books);
        self.catch_up();
        let arrived = lock(&self.arrived);
        let of_source = arrived.records.get(&timeline.source);
        for (index, record) in truth.records.iter().enumerate().take(end).skip(from) {
            let on_time = record.published_at <= record.time.plus_ms(settle_ms);
            let is_there = of_source.is_some_and(|it| !it[index].is_empty());
            let out_of_reach = progress.skip_unavailable(record.time) != record.time
                || truth.is_gone(record, true_time::now(), 0);
            if on_time && !is_there && !out_of_reach {
                world.violate(format_args!(
                    "{timeline} is complete through {through}, but {} of {} is not delivered",
                    record.id, record.time
                ));
            }
        }
    }

    /// Checks that windows reach past the true time by no more than a clock can have jumped since
    /// the last response, or than one window that is cut to learn the vendor's clock.
    fn is_not_ahead(&self, world: &World, progress: &Progress) {
        let Some(truth) = self.of(&progress.timeline.source) else {
            return;
        };
        let policy = &truth.policy;
        let most_ms = if world.wrong_clocks().has_machines() {
            limits::CLOCK_BELIEVED_MS + policy.initial_ms + policy.every_ms
        } else {
            // A stalled tick, and a vendor whose clock is behind, look like a slow machine clock.
            SKEW_MS_MAX + policy.every_ms
        };
        let (timeline, mark) = (&progress.timeline, progress.scheduled_through);
        if mark > true_time::now().plus_ms(most_ms) {
            world.violate(format_args!("{timeline} is cut into the future, to {mark}"));
        }
    }

    /// Checks that the vendor's clock had passed a window's end and settle when it completed.
    pub(crate) fn is_settled(world: &World, done: &Window) {
        let source = &done.id().timeline.source;
        let settle_ms = world
            .books()
            .sources
            .get(source)
            .map_or(0, |book| book.settle_ms);
        let settled = done.to().plus_ms(settle_ms);
        // A `Date` has whole seconds.
        if true_time::now().plus_ms(SECOND_MS) < settled {
            world.violate(format_args!("{} was done before it had settled", done.id()));
        }
    }

    /// Checks that the time listed as unavailable is past the vendor's retention.
    pub(crate) fn is_unavailable(&self, world: &World, progress: &Progress) {
        let Some(truth) = self.of(&progress.timeline.source) else {
            return;
        };
        let kept_ms = truth.vendor.spec().retention.map(|kept| kept.kept_ms);
        // Bounds are whole units.
        let slack_ms = SKEW_MS_MAX + SECOND_MS + truth.policy.unit_ms;
        let now = true_time::now().plus_ms(slack_ms);
        let oldest = kept_ms.map(|kept_ms| now.minus_ms(kept_ms));
        for span in &progress.unavailable {
            if oldest.is_none_or(|oldest| span.to() > oldest) {
                world.violate(format_args!(
                    "{}: {span} is said to be unavailable and is kept",
                    progress.timeline
                ));
            }
        }
    }
}
