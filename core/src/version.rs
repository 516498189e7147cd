//! The version of a program.

/// The version of the program that calls this: `0.1.0 (abcdef123456 2026-11-30)`, where
/// `infra/package.sh` has set `WINDLASS_VERSION` for the compiler, else the version of its package.
///
/// A macro, so that another commit compiles only the `main` that calls it, and no library.
#[macro_export]
macro_rules! version {
    () => {
        match ::core::option_env!("WINDLASS_VERSION") {
            ::core::option::Option::Some(version) => version,
            ::core::option::Option::None => ::core::env!("CARGO_PKG_VERSION"),
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn version_starts_with_package_version() {
        assert!(crate::version!().starts_with(env!("CARGO_PKG_VERSION")));
    }
}
