//! The command line.

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only this target.
    pub(crate) target: Option<String>,
    /// How many inputs, over all targets.
    pub(crate) inputs: u64,
    /// The seed of the first input of each target; the next one's is one more.
    pub(crate) seed: u64,
    /// Whether the report is one JSON object.
    pub(crate) json: bool,
}

/// Inputs unless somebody asks for more or fewer.
const INPUTS_DEFAULT: u64 = 1_000_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            target: None,
            inputs: INPUTS_DEFAULT,
            seed: 1,
            json: false,
        }
    }
}

impl Options {
    /// The options in `arguments`, or what is wrong with them.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--target" => options.target = Some(value()?),
                "--inputs" => options.inputs = number(&argument, &value()?)?,
                "--seed" => options.seed = number(&argument, &value()?)?,
                "--json" => options.json = true,
                _ => {
                    return Err(format!(
                        "`{argument}` is not known; there are --target NAME, --inputs N, --seed S \
                         and --json"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn number(argument: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{argument} takes a whole number, not `{text}`"))
}
