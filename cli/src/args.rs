//! The command line, with its help texts.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use windlass_core::ids::{InvalidId, Lane, SourceName, WindowId};

use crate::state::StateAddress;

/// Pulls audit records from third-party APIs, window by window, without losing any.
#[derive(Debug, Parser)]
#[command(name = "windlass", bin_name = "windlass", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Configuration file [default: windlass.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// State to use instead of the configured one: `sqlite:PATH` or `dynamodb:TABLE`. Commands that
    /// only read a state or operate on it then need no configuration
    #[arg(long, global = true, value_name = "WHERE")]
    pub(crate) state: Option<StateAddress>,
    /// Endpoint of DynamoDB, instead of AWS's default; AWS_ENDPOINT_URL sets it for every
    /// service
    #[arg(long, global = true, value_name = "URL", value_parser = endpoint_url)]
    pub(crate) endpoint_url: Option<String>,
    /// Format of the logs on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Print one JSON document to standard output instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// The arguments of this process, with `version` as the output of `--version`. Ends the process
    /// if they are invalid, or ask for help or the version.
    pub(crate) fn of_process(version: &'static str) -> Self {
        let matches = Self::of_version(version).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    fn of_version(version: &'static str) -> clap::Command {
        Self::command().version(version)
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped cleanly at a checkpoint
  1  unexpected failure, or `check SOURCE` got no page from its vendor
  2  the command line, the configuration or a manifest is invalid
  3  a source is blocked by its vendor, its secret store or its sink
  4  there are gaps: parked windows, which `windlass windows` lists
  5  the state cannot be used: missing, locked, full, damaged, unreachable,
     access denied, or of another version
  6  `run --until-caught-up` was stopped early, a second signal ended a run,
     the demo was stopped, or `apply` or `adopt` was not confirmed
  7  the demo lost or duplicated a record
  8  `diff` found changes that `apply` would make
  9  `verify` found files that differ from the state, or `adopt` found files
     that it cannot read

Logs: WINDLASS_LOG sets the filter (default `warn`), NO_COLOR disables colors.";

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text per event
    Text,
    /// One JSON object per event
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pull from a built-in sample vendor, kill the run halfway, resume it, and count the records
    Demo(DemoArgs),
    /// Run the engine in this process: plan, fetch, deliver and checkpoint windows
    Run(RunArgs),
    /// Validate the configuration and its manifests; with a source, also fetch one page from its
    /// vendor
    Check {
        /// Source to fetch one page for
        source: Option<String>,
    },
    /// Show each source's watermark, lag and open windows
    Status {
        /// Only this source
        source: Option<String>,
    },
    /// List the windows of a source, the latest last
    Windows(WindowsArgs),
    /// Show every attribute of one window
    Show {
        /// Id of the window: on a terminal, the heading and the first column of `windlass windows`
        window: String,
    },
    /// Retry parked windows, and probe blocked sources now
    Retry(RetryArgs),
    /// Pause sources; windows in flight finish
    Pause {
        /// Names of the sources
        #[arg(required = true)]
        sources: Vec<SourceName>,
    },
    /// Resume paused sources
    Resume {
        /// Names of the sources
        #[arg(required = true)]
        sources: Vec<SourceName>,
    },
    /// Copy the state file to a new file, also during a run
    Backup {
        /// The new file; an existing file is never replaced
        file: PathBuf,
    },
    /// Write the configuration's sources to the state, after showing the changes
    Apply(ApplyArgs),
    /// Show the changes that `apply` would make
    Diff(DiffArgs),
    /// Rebuild a lost or outdated state from its output folders, after showing their contents
    Adopt(AdoptArgs),
    /// Compare the files of the output folders with the state, also during a run
    Verify {
        /// Only this source
        source: Option<String>,
    },
    /// List the connectors, or describe one
    Connectors {
        /// Name of a connector, or path of a manifest
        name: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Stop when every source is complete up to its settled time
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// Stop at the next checkpoint after this duration, such as `14m`
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) max_runtime: Option<std::time::Duration>,
    /// Maximum number of concurrent windows over all sources [default: 4 to 128, depending on
    /// memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WindowsArgs {
    /// Name of the source
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
    /// Only windows of this lane, such as live, sweep-1 or backfill-NAME
    #[arg(long)]
    pub(crate) lane: Option<Lane>,
    /// Only windows that are not done, parked ones included, the oldest first and without a limit
    #[arg(long)]
    pub(crate) open: bool,
    /// Include sweep windows that had nothing to read; with --json they are always listed
    #[arg(long)]
    pub(crate) all: bool,
    /// Maximum number of windows: the latest, or with --open the oldest [default: 50; with --open,
    /// all]
    #[arg(long)]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RetryArgs {
    /// Ids of parked windows, as `windlass windows` prints them, and names of blocked sources
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
    /// Start new timelines even if windows of the present ones are not done: their missing records
    /// are never delivered
    #[arg(long)]
    pub(crate) abandon: bool,
    /// Validate and show the changes, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct AdoptArgs {
    /// Show the contents of the folders, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also read the time of missing files again, although their windows are done
    #[arg(long)]
    pub(crate) missing: bool,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct DiffArgs {
    /// Pause the stored sources that the configuration's own files no longer name; sources of other
    /// files stay unchanged
    #[arg(long)]
    pub(crate) prune: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Number of records of the sample vendor
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub(crate) records: u64,
    /// Loopback port of the sample vendor; 0 chooses a free port
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Keep the demo's state and output in this folder
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
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn version_option_prints_name_and_version() {
        let command = Args::of_version("0.1.0 (abcdef123456 2026-11-30)");
        let printed = command.try_get_matches_from(["windlass", "--version"]);
        let printed = printed.unwrap_err().to_string();
        assert_eq!(printed, "windlass 0.1.0 (abcdef123456 2026-11-30)\n");
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
