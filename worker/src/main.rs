//! The worker's Lambda function: the tasks of one invocation.

fn main() -> std::process::ExitCode {
    windlass_worker::lambda::main(windlass_core::version!())
}
