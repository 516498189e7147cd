//! The `windlass` command: the whole engine on one machine, and the operator's view of its state.

mod args;
mod commands;
mod config;
mod demo;
mod exit_code;
mod local;
mod output;

use clap::Parser;

use crate::args::{Args, Command, LogFormat};
use crate::exit_code::ExitCode;
use crate::output::Output;

fn main() -> std::process::ExitCode {
    let args = Args::parse();
    start_logging(&args);
    let output = Output::new(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
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
    // A worker that is still at it after a second signal is not waited for.
    runtime.shutdown_background();
    code.into()
}

async fn dispatch(args: &Args, output: Output) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Demo(demo) => demo::run(demo, output).await,
        Command::Run(run) => commands::run::run(&args.config, run, output).await,
        Command::Check { source } => {
            commands::check::check(&args.config, source.as_deref(), output).await
        }
        Command::Status { source } => {
            commands::status::status(&args.config, source.as_deref(), output).await
        }
        Command::Windows(windows) => {
            commands::windows::windows(&args.config, windows, output).await
        }
        Command::Show { window } => commands::windows::show(&args.config, window, output).await,
        Command::Connectors { name } => commands::connectors::connectors(name.as_deref(), output),
    }
}

fn start_logging(args: &Args) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WINDLASS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // They would go to standard error too, and panic when that is what failed.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.with_ansi(output::colours_on_stderr()).init(),
    }
}
