//! `windlass run`: the complete engine in this process.

mod summary;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use windlass_core::clock::{Clock, Entropy};
use windlass_core::limits;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::time::{SECOND_MS, Timestamp};
use windlass_worker::{Observer, Seams, Stop};

use self::summary::{Ended, summarize};
use crate::args::RunArgs;
use crate::config::Config;
use crate::exit_code::{ExitCode, UsageError};
use crate::local::bars::Bars;
use crate::local::{Engine, Folders, LocalAdapterFactory, Meter, StateLock, workers};
use crate::output::Output;
use crate::signals::StopSignals;
use crate::state::{Purpose, StateAddress, Store};
use crate::target::Target;

/// Interval between two checks that the state file still exists.
const STATE_CHECK_MS: i64 = SECOND_MS;

/// Runs until stopped, or until caught up.
pub(crate) async fn run(
    target: &Target,
    args: &RunArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = Arc::new(target.config()?);
    let state_file = state_file(&config)?;
    let output = if config.writes_to_stdout() {
        output.aside()
    } else {
        output
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    check_clock(clock.now())?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let mut lock = StateLock::take(state_file)?;
    let store = target.open(&config.state, Purpose::Apply).await?;
    lock.take_file()?;
    let lock = Arc::new(lock);
    let folders = folders(&config, &store, &entropy);
    let factory = LocalAdapterFactory::build(&config, None, folders, (&clock, &entropy)).await?;
    let meter = Arc::new(Meter::default());
    let stop = Stop::default();
    stop_on_signals(&stop, output)?;
    stop_after(&stop, args.max_runtime, Arc::clone(&clock));
    let watch = stop_without_state(&stop, &lock, Arc::clone(&clock));
    let observer: Arc<dyn Observer> = Arc::<Meter>::clone(&meter);
    let seams = Seams {
        clock: Arc::clone(&clock),
        entropy,
        stop,
        observer: Some(observer),
    };
    let mut bars = Bars::new(&config, Arc::clone(&meter), output, clock.now());
    let workers_max = args.workers.map_or_else(workers::by_memory, usize::from);
    let engine = Engine::new(store.clone(), factory, seams, workers_max);
    {
        // The scope limits the lifetime of these copies of every source.
        let sources = config.sources.values();
        let definitions: Vec<_> = sources.map(|source| source.definition.clone()).collect();
        engine.apply(&definitions).await?;
        engine.open_sinks(&definitions).await?;
    }
    let ending = engine
        .run(args.until_caught_up, |planned| {
            bars.update(planned, clock.now());
        })
        .await;
    watch.abort();
    // Before other errors, which a lost state may have caused.
    lock.check()?;
    let ending = ending?;
    bars.finish(ending.report(), clock.now());
    let ended = Ended {
        config: &config,
        meter: &meter,
        ending: &ending,
        until_caught_up: args.until_caught_up,
    };
    summarize(&store, ended, output).await
}

/// The state file of `config`: only a state on this machine has workers here.
fn state_file(config: &Config) -> Result<&Path, UsageError> {
    match &config.state {
        StateAddress::Sqlite(path) => Ok(path),
        StateAddress::DynamoDb(_) => Err(UsageError(format!(
            "cannot run on {}: its workers run on Lambda; write the sources there with `windlass \
             apply`, or name a state file with --state sqlite:PATH",
            config.state
        ))),
    }
}

/// The output folders of `config`; `None` for a table, beside which nothing is delivered.
fn folders(
    config: &Arc<Config>,
    store: &Store,
    entropy: &Arc<dyn Entropy>,
) -> Option<Arc<Folders>> {
    let Store::Sqlite(state) = store else {
        return None;
    };
    let folders = Folders::new(Arc::clone(config), state.clone(), Arc::clone(entropy));
    Some(Arc::new(folders))
}

/// Fails if the clock is so far ahead that no wait would end.
fn check_clock(now: Timestamp) -> anyhow::Result<()> {
    anyhow::ensure!(
        now < limits::CLOCK_LATEST,
        "this machine's clock shows the year 9000 or later; set it"
    );
    Ok(())
}

/// Ctrl-C, SIGTERM and SIGHUP stop the run at its next checkpoint. A second signal stops it at
/// once, which also loses nothing, but the next run must fetch some pages again.
fn stop_on_signals(stop: &Stop, output: Output) -> anyhow::Result<()> {
    let mut signals = StopSignals::catch()?;
    let stop = stop.clone();
    tokio::spawn(async move {
        loop {
            signals.next().await;
            if stop.is_requested() {
                std::process::exit(i32::from(ExitCode::Unfinished as u8));
            }
            stop.request();
            output.note("stopping at the next checkpoint; repeat the signal to stop at once");
        }
    });
    Ok(())
}

/// Stops the run soon after its state file was removed or replaced.
fn stop_without_state(
    stop: &Stop,
    lock: &Arc<StateLock>,
    clock: Arc<dyn Clock>,
) -> tokio::task::JoinHandle<()> {
    let (stop, lock) = (stop.clone(), Arc::downgrade(lock));
    tokio::spawn(async move {
        while lock.upgrade().is_some_and(|lock| lock.check().is_ok()) {
            clock.sleep(STATE_CHECK_MS).await;
        }
        stop.request();
    })
}

fn stop_after(stop: &Stop, max_runtime: Option<Duration>, clock: Arc<dyn Clock>) {
    let Some(max_runtime) = max_runtime else {
        return;
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        clock
            .sleep(i64::try_from(max_runtime.as_millis()).unwrap_or(i64::MAX))
            .await;
        stop.request();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_rejected_at_clock_limit() {
        assert!(check_clock(limits::CLOCK_LATEST.minus_ms(1)).is_ok());
        assert!(check_clock(limits::CLOCK_LATEST).is_err());
        // Every wait that starts at the limit still ends at a distinct instant.
        let later = limits::CLOCK_LATEST.plus_ms(limits::CLOCK_BELIEVED_MS);
        assert!(limits::CLOCK_LATEST < later && later < Timestamp::MAX);
    }
}
