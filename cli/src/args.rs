//! The command line, with its help texts.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};
use windlass_core::ids::{InvalidId, Lane, SourceName, WindowId};

use crate::state::StateAddress;

/// Pulls audit records out of third-party APIs, window by window, and loses none.
#[derive(Debug, Parser)]
#[command(name = "windlass", bin_name = "windlass", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The configuration file [default: windlass.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The state, instead of the configuration's: `sqlite:PATH` or `dynamodb:TABLE`. What only looks
    /// at a state, or operates on it, then needs no configuration
    #[arg(long, global = true, value_name = "WHERE")]
    pub(crate) state: Option<StateAddress>,
    /// Where DynamoDB answers, if not where AWS says; AWS_ENDPOINT_URL does the same for every
    /// service
    #[arg(long, global = true, value_name = "URL", value_parser = endpoint_url)]
    pub(crate) endpoint_url: Option<String>,
    /// How logs are written to standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Print one JSON document to standard output instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped cleanly at a checkpoint
  1  something unexpected failed, or `check SOURCE` got no page from its vendor
  2  the command line, the configuration or a manifest is wrong
  3  a source is blocked: its vendor, its secret or its sink refuses it
  4  there are holes: windows that were given up, to see with `windlass windows`
  5  the state cannot be used: missing, locked, full, damaged, out of reach,
     not permitted, or of another version
  6  `run --until-caught-up` was stopped before that, a second signal ended
     a run, the demo was stopped, or the answer to `apply` or `adopt` was no
  7  the demo lost or duplicated a record
  8  `diff` found that `apply` would change something
  9  `verify` found files that differ from the state

Logs: WINDLASS_LOG sets the filter (default `warn`), NO_COLOR switches colours off.";

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line an event
    Text,
    /// One JSON object an event
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pull a built-in sample vendor, stop it by force in the middle, resume, and count
    Demo(DemoArgs),
    /// Run the whole loop in this process: plan, pull, deliver, remember
    Run(RunArgs),
    /// Validate the configuration and its manifests; with a source, ask its vendor for one page
    Check {
        /// A source of the configuration
        source: Option<String>,
    },
    /// Say, per source, up to when everything is delivered, and what is still open
    Status {
        /// Only this source
        source: Option<String>,
    },
    /// List the windows of a source, newest last, or those that are not done
    Windows(WindowsArgs),
    /// Show one window in full
    Show {
        /// The window's id: on a terminal, the heading and the first column of `windlass windows`
        window: String,
    },
    /// Try again: parked windows become ready, and a blocked source is probed at once
    Retry(RetryArgs),
    /// Hold sources back: what is in hand goes on, and nothing new starts
    Pause {
        /// The sources
        #[arg(required = true)]
        sources: Vec<SourceName>,
    },
    /// Let sources go on that `pause` holds back
    Resume {
        /// The sources
        #[arg(required = true)]
        sources: Vec<SourceName>,
    },
    /// Copy the state file into a new file, also beside a run
    Backup {
        /// The new file; one that exists is left alone
        file: PathBuf,
    },
    /// Put the configuration's sources into the state, after showing what that changes
    Apply(ApplyArgs),
    /// Show what `apply` would change, and change nothing
    Diff(DiffArgs),
    /// Rebuild a lost or older state from its output folders, after showing what they hold
    Adopt(AdoptArgs),
    /// Compare the files of the output folders with the state, beside a run or without one
    Verify {
        /// Only this source
        source: Option<String>,
    },
    /// List the connectors, or describe one
    Connectors {
        /// A connector's name, or the path of a manifest
        name: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Stop once every source is complete up to its settled time
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// Stop at the next checkpoint after this long, such as `14m`
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) max_runtime: Option<std::time::Duration>,
    /// Most windows worked on at once, over all sources [default: by the memory there is, 4 to 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WindowsArgs {
    /// The source
    pub(crate) source: String,
    /// Only windows that start at or after this time
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<windlass_core::Timestamp>,
    /// Only windows that start before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<windlass_core::Timestamp>,
    /// Only windows of this status: ready, dispatched, running, done or parked
    #[arg(long)]
    pub(crate) status: Option<windlass_core::Status>,
    /// Only windows of this lane: live, sweep-1, backfill-NAME
    #[arg(long)]
    pub(crate) lane: Option<Lane>,
    /// Only windows that are not done, parked ones included: all of them, the oldest first
    #[arg(long)]
    pub(crate) open: bool,
    /// Also windows of sweeps that had nothing to read; with --json they are always there
    #[arg(long)]
    pub(crate) all: bool,
    /// At most this many, the latest ones, or with --open the oldest [default: 50; with --open, all]
    #[arg(long)]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RetryArgs {
    /// The ids of parked windows, as `windlass windows` prints them, and the names of blocked sources
    #[arg(value_name = "WINDOW|SOURCE")]
    pub(crate) targets: Vec<RetryTarget>,
    /// Every parked window of this source, and the source itself if it is blocked
    #[arg(long, value_name = "SOURCE")]
    pub(crate) all: Option<SourceName>,
}

/// A window or a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RetryTarget {
    Window(WindowId),
    Source(SourceName),
}

impl FromStr for RetryTarget {
    type Err = InvalidId;

    /// The id of a window has slashes, and the name of a source has none.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.contains('/') {
            text.parse().map(Self::Window)
        } else {
            text.parse().map(Self::Source)
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) diff: DiffArgs,
    /// Begin new timelines even where the present ones have windows that are not done: those stay
    /// as they are, and what they lack is never delivered
    #[arg(long)]
    pub(crate) abandon: bool,
    /// Check and show everything, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct AdoptArgs {
    /// Show what the folders hold, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also read the time of missing files again, which done windows have delivered
    #[arg(long)]
    pub(crate) missing: bool,
    /// Do not ask; needed where nobody can answer
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct DiffArgs {
    /// Pause the sources of the state that are missing in the configuration's files; sources of
    /// other files are left alone
    #[arg(long)]
    pub(crate) prune: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Records the sample vendor holds
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub(crate) records: u64,
    /// Port of the sample vendor on loopback; any free one by default
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Keep the demo's state and output in this folder instead of deleting them
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Parses the URL of an endpoint.
fn endpoint_url(text: &str) -> Result<String, &'static str> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(text.to_owned()),
        _ => Err("write it like https://dynamodb.eu-west-1.amazonaws.com"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_describes_commands_and_exit_codes() {
        let mut command = Args::command();
        insta::assert_snapshot!(command.render_long_help());
    }

    #[test]
    fn windows_help_describes_selection_and_limit() {
        let mut command = Args::command();
        let windows = command.find_subcommand_mut("windows").unwrap();
        insta::assert_snapshot!(windows.clone().term_width(80).render_help());
    }
}
