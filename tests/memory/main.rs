//! The memory of a page, from the socket of its vendor to the sink that has taken it: it is
//! proportional to the bytes of the body, whatever records it holds.
//!
//! A program of its own, because it counts every allocation, and with one test, because all tests
//! of a program would be counted together.

mod bodies;
mod pull;
mod services;

use std::io;
use std::sync::Arc;

use peak_alloc::PeakAlloc;
use windlass_core::clock::SeededEntropy;
use windlass_core::limits::BODY_BYTES_MAX;
use windlass_sink::Seams;
use windlass_sink::Sink;
use windlass_sink::aws::StreamSink;
use windlass_sink::ndjson::{NdjsonSink, Readers};
use windlass_sink::stdout::StdoutSink;
use windlass_sink::stream_config::StreamKind;

use crate::bodies::Body;
use crate::pull::{Pull, clock};
use crate::services::{Services, stream};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// Maximum memory of a page, its body included, as a multiple of the body.
const BODY_FACTOR: usize = 4;
/// Allowance beside that, in bytes: one piece with its lines, rejects and calls. Not for a body of
/// the largest size, of which four are far more than that.
const BESIDE_BYTES: usize = 24 * MIB;
/// Largest body that is read, in bytes. Without optimization, millions of records take minutes, so
/// that only `cargo test --release -p windlass-tests --test memory` has them.
const LARGEST: usize = if cfg!(debug_assertions) {
    MIB
} else {
    BODY_BYTES_MAX
};
/// Size of a body whose lines, several hundred times as long, can be written to a disk or sent in
/// calls.
const MEDIUM: usize = if cfg!(debug_assertions) {
    MIB / 2
} else {
    4 * MIB
};
/// Size of a body of a single record.
const SINGLE: usize = if cfg!(debug_assertions) {
    12 * MIB
} else {
    BODY_BYTES_MAX
};

/// > P7 bounded: memory follows the size of a page, not of a window or a backlog.
#[test]
fn peak_memory_stays_within_four_bodies() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(every_sink())
}

async fn every_sink() -> anyhow::Result<()> {
    let stdout = || {
        StdoutSink::new(
            "stdout".to_owned(),
            Box::new(io::sink()),
            Box::new(io::sink()),
        )
    };
    let inflating = Body::inflating(LARGEST)?;
    for body in Body::tiny(LARGEST)
        .into_iter()
        .chain(Body::single(SINGLE))
        .chain([inflating])
    {
        check("stdout", &body, stdout()).await?;
    }
    let files = tempfile::tempdir()?;
    for (number, body) in for_sinks_that_keep().enumerate() {
        let directory = files.path().join(number.to_string());
        let sink = NdjsonSink::new("files".to_owned(), directory.clone(), Readers::Owner)?;
        check("files", &body, sink).await?;
        std::fs::remove_dir_all(directory)?;
    }
    let services = Services::start()?;
    let sdk = services.sdk();
    let stream = stream()?;
    for (name, kind) in [
        ("firehose", StreamKind::Firehose),
        ("kinesis", StreamKind::Kinesis),
    ] {
        for body in for_sinks_that_keep() {
            let seams = Seams {
                clock: clock(),
                entropy: Arc::new(SeededEntropy::new(1)),
            };
            let sink = StreamSink::new(name.to_owned(), kind, &stream, &sdk, seams).await?;
            check(name, &body, sink).await?;
        }
    }
    Ok(())
}

/// Bodies for sinks that write or send every line: those of the largest size whose lines are not
/// larger than the body, and smaller ones with the metadata that makes lines long.
fn for_sinks_that_keep() -> impl Iterator<Item = Body> {
    Body::tiny(MEDIUM)
        .into_iter()
        .chain(Body::bare(LARGEST))
        .chain(Body::single(SINGLE))
}

/// Pulls `body` into `sink` and compares the peak memory with the limit.
async fn check<K: Sink>(name: &str, body: &Body, sink: K) -> anyhow::Result<()> {
    let pull = Pull::new(body, sink).await?;
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let done = pull.run().await?;
    let needed = ALLOCATOR.peak_usage().saturating_sub(before);
    let records = usize::try_from(done.records() + done.rejected())?;
    assert_eq!(records, body.records, "{name}, {}", body.what);
    let beside = if body.bytes < 32 * MIB {
        BESIDE_BYTES
    } else {
        0
    };
    let most = body.bytes * BODY_FACTOR + beside;
    assert!(
        needed < most,
        "{name}: a body of {} bytes of {} needed {needed} bytes, and may need {most}",
        body.bytes,
        body.what,
    );
    Ok(())
}
