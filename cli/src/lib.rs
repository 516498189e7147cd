//! The `windlass` command: the complete engine on one machine, and the operator's view of its
//! state. A library only so that tests of other rooms can parse a configuration and read the command
//! line; the program is its one user.

mod args;
mod aws;
mod commands;
mod config;
mod demo;
mod difference;
mod exit_code;
mod hint;
mod local;
mod manifests;
mod output;
mod signals;
mod state;
mod target;
#[cfg(test)]
mod testing;

use std::ffi::OsString;

use clap::CommandFactory;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Args, Command, LogFormat};
use crate::exit_code::{ExitCode, UsageError};
use crate::output::Output;
use crate::target::Target;

pub use crate::config::definitions;

/// The command line, for the reference page that is generated from it.
pub fn command() -> clap::Command {
    Args::command()
}

/// Executes the command line, and returns its exit code. `version` is the output of `--version`.
pub fn run(version: &'static str) -> std::process::ExitCode {
    let args = Args::of_process(version);
    if let Err(error) = start_logging(&args) {
        Output::error(&error.to_string());
        return ExitCode::Usage.into();
    }
    let output = Output::new(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        // One thread reads pages faster than a disk syncs them (docs/PERFORMANCE.md), and each
        // further one keeps freed memory of its own. Files are written on the blocking threads.
        .worker_threads(1)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            Output::error(&format!("the async runtime did not start: {error}"));
            return ExitCode::Unexpected.into();
        }
    };
    let code = match runtime.block_on(dispatch(&args, output)) {
        Ok(code) => code,
        Err(error) => {
            Output::error(&format!("{error:#}"));
            ExitCode::of(&error)
        }
    };
    // A worker that still runs after a second signal is not awaited.
    runtime.shutdown_background();
    code.into()
}

async fn dispatch(args: &Args, output: Output) -> anyhow::Result<ExitCode> {
    signals::outlive_file_size_limit()?;
    let target = Target::new(
        args.config.clone(),
        args.state.clone(),
        args.endpoint_url.clone(),
    );
    match &args.command {
        Command::Demo(demo) => demo::run(demo, output).await,
        Command::Run(run) => commands::run::run(&target, run, output).await,
        Command::Check { source } => {
            commands::check::check(&target, source.as_deref(), output).await
        }
        Command::Status { source } => {
            commands::status::status(&target, source.as_deref(), output).await
        }
        Command::Windows(windows) => commands::windows::windows(&target, windows, output).await,
        Command::Show { window } => commands::windows::show(&target, window, output).await,
        Command::Retry(retry) => commands::retry::retry(&target, retry, output).await,
        Command::Pause { sources } => commands::pause::pause(&target, sources, output).await,
        Command::Resume { sources } => commands::pause::resume(&target, sources, output).await,
        Command::Backup { file } => commands::backup::backup(&target, file, output),
        Command::Apply(apply) => commands::apply::apply(&target, apply, output).await,
        Command::Adopt(adopt) => commands::adopt::adopt(&target, adopt, output).await,
        Command::Verify { source } => {
            commands::verify::verify(&target, source.as_deref(), output).await
        }
        Command::Diff(diff) => commands::apply::diff(&target, diff, output).await,
        Command::Connectors { name } => commands::connectors::connectors(name.as_deref(), output),
    }
}

fn start_logging(args: &Args) -> Result<(), UsageError> {
    let filter = log_filter(std::env::var_os("WINDLASS_LOG"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Internal errors would also go to standard error, and panic when its failure caused them.
        .log_internal_errors(false)
        .with_writer(|| output::Stderr);
    match args.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.with_ansi(output::colors_on_stderr()).init(),
    }
    Ok(())
}

/// The default log filter. windlass itself reports AWS credential problems as errors, so the SDK's
/// warnings about them are off.
const LOG_FILTER: &str = "warn,aws_config=off";

/// The filter in `WINDLASS_LOG`; warnings when it is empty.
fn log_filter(asked: Option<OsString>) -> Result<EnvFilter, UsageError> {
    let asked = asked.unwrap_or_default();
    if asked.is_empty() {
        return Ok(EnvFilter::new(LOG_FILTER));
    }
    let refused = |problem: String| UsageError(format!("WINDLASS_LOG: {problem}"));
    let text = asked
        .to_str()
        .ok_or_else(|| refused("is not valid UTF-8".to_owned()))?;
    if let Some(word) = text
        .split(',')
        .map(str::trim)
        .find(|word| is_mistyped(word))
    {
        let problem = format!(
            "`{word}` is neither a log level (off, error, warn, info, debug, trace) nor a \
             windlass module; for another library, write `{word}=debug`"
        );
        return Err(refused(problem));
    }
    EnvFilter::try_new(text).map_err(|error| refused(format!("`{text}`: {error}")))
}

/// Returns true if this part of a filter is a single word that would be read as the name of a
/// library and disable all other logs: most likely a mistyped level.
fn is_mistyped(part: &str) -> bool {
    !part.is_empty()
        && !part.contains(['=', '[', ']', '{', '}'])
        && !part.starts_with("windlass")
        && part.parse::<LevelFilter>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_log_filter_is_rejected_with_reason() {
        let filter = |text: &str| log_filter(Some(text.into())).map(|filter| filter.to_string());
        assert_eq!(filter("").unwrap(), "aws_config=off,warn");
        assert_eq!(filter("info").unwrap(), "info");
        for kept in [
            "INFO",
            "windlass_worker",
            "warn,windlass=trace",
            "hyper=debug",
        ] {
            assert!(filter(kept).is_ok(), "{kept}");
        }
        let refused = filter("windlass=loud").unwrap_err().to_string();
        assert!(
            refused.starts_with("WINDLASS_LOG: `windlass=loud`: "),
            "{refused}"
        );
    }

    #[test]
    fn unknown_log_level_is_rejected() {
        for (asked, word) in [
            ("verbose", "verbose"),
            ("windlass=info, wran", "wran"),
            ("hyper", "hyper"),
        ] {
            let refused = log_filter(Some(asked.into())).unwrap_err().to_string();
            let begin = format!("WINDLASS_LOG: `{word}` is neither a log level (off,");
            assert!(refused.starts_with(&begin), "{refused}");
            let end = format!("write `{word}=debug`");
            assert!(refused.ends_with(&end), "{refused}");
        }
    }
}
