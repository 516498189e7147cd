//! The orchestrator's Lambda function: one tick an invocation.

fn main() -> std::process::ExitCode {
    windlass_orchestrator::lambda::main()
}
