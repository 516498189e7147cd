//! The orchestrator's Lambda function: one tick per invocation.

fn main() -> std::process::ExitCode {
    windlass_orchestrator::lambda::main(windlass_core::version!())
}
