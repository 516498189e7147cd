//! The `windlass` program.

fn main() -> std::process::ExitCode {
    windlass::run(windlass_core::version!())
}
