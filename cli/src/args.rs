//! The command line: what can be asked, with the help people read.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Pulls audit records out of third-party APIs, window by window, and loses none.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "windlass.yaml"
    )]
    pub(crate) config: PathBuf,
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
  1  something unexpected failed
  2  the command line, the configuration or a manifest is wrong
  3  a source is blocked: its vendor or sink refuses it until somebody acts
  4  there are holes: windows that were given up, to see with `windlass windows`
  5  the state cannot be used: missing, locked, full, damaged or of another version
  6  `run --until-caught-up` was stopped before that, a second signal ended a run, or the
     demo was stopped
  7  the demo lost or duplicated a record

Logs: WINDLASS_LOG sets the filter (default `warn`), NO_COLOR switches colours off.";

/// How logs look.
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
    /// List the windows of a source, newest last
    Windows(WindowsArgs),
    /// Show one window in full
    Show {
        /// The window's id, as `windlass windows` prints it
        window: String,
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
    /// At most this many, the latest ones
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_help_says_what_each_command_does_and_what_the_exit_codes_mean() {
        let mut command = Args::command();
        insta::assert_snapshot!(command.render_long_help());
    }
}
