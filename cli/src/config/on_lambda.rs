//! The restrictions on a source whose workers run on Lambda: nothing may refer to the machine with
//! the configuration.

use windlass_connectors::registry;
use windlass_connectors::secret::SecretRef;
use windlass_sink::SinkConfig;

/// The folder of manifests in a worker's package, and beside the configuration.
const MANIFESTS: &str = "manifests";

/// A field of a source that is valid only on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The name of the field.
    pub(super) field: &'static str,
    /// The reason and the correct form.
    pub(super) problem: String,
}

/// Checks the places of the secret and of the records.
pub(super) fn check(secret: Option<&str>, sink_name: &str, sink: &SinkConfig) -> Result<(), Wrong> {
    let local = |reference: &str| {
        matches!(
            reference.parse(),
            Ok(SecretRef::Env(_) | SecretRef::File(_))
        )
    };
    if secret.is_some_and(local) {
        return Err(Wrong {
            field: "secret",
            problem: "a worker on Lambda cannot read the environment or the files of this \
                      machine; store the secret in Secrets Manager or the Parameter Store, and \
                      write `secretsmanager:NAME` or `ssm:NAME`"
                .to_owned(),
        });
    }
    match sink.local() {
        None if sink.secret().is_some_and(local) => Err(Wrong {
            field: "sink",
            problem: format!(
                "the secret of sink `{sink_name}` is on this machine, which a worker on Lambda \
                 cannot read; store it in Secrets Manager or the Parameter Store"
            ),
        }),
        None => Ok(()),
        Some(place) => Err(Wrong {
            field: "sink",
            problem: format!(
                "sink `{sink_name}` is {place} on this machine, which a worker on Lambda cannot \
                 reach; use a `firehose`, `kinesis` or `http` sink"
            ),
        }),
    }
}

/// The stored name of `connector`: a built-in name, or `manifests/NAME.yaml`, which a worker finds
/// in its package. `from_root` is the connector's path relative to the folder of the main
/// configuration file.
pub(super) fn connector(connector: &str, from_root: Option<&str>) -> Result<String, Wrong> {
    if !registry::is_file(connector) {
        return Ok(connector.to_owned());
    }
    let file = from_root.and_then(|path| path.strip_prefix(MANIFESTS)?.strip_prefix('/'));
    match file {
        Some(name) if !name.contains('/') => Ok(format!("{MANIFESTS}/{name}")),
        _ => Err(Wrong {
            field: "connector",
            problem: format!(
                "a worker on Lambda has only the manifests of its package; move the file to \
                 `{MANIFESTS}/` beside the configuration, build the worker with it, and write \
                 `{MANIFESTS}/NAME.yaml`"
            ),
        }),
    }
}
