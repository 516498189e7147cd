//! The seeds of mutations: the project's own manifests, examples, recorded responses and stored
//! items, and handmade edge cases.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::draw::Draw;
use crate::mutate::mutate;

/// Longest word that is taken from a seed, in bytes.
const WORD_BYTES_MAX: usize = 40;

/// The seeds and their words.
#[derive(Debug)]
pub(crate) struct Corpus {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Corpus {
    /// The corpus of `seeds`, with `words` beside their own.
    pub(crate) fn new(seeds: impl IntoIterator<Item = impl Into<Vec<u8>>>, words: &[&str]) -> Self {
        let seeds: Vec<Vec<u8>> = seeds.into_iter().map(Into::into).collect();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:/+".contains(byte);
        let own = seeds
            .iter()
            .flat_map(|seed| seed.split(|byte| !is_part(byte)))
            .filter(|word| (1..=WORD_BYTES_MAX).contains(&word.len()));
        let given = words.iter().map(|word| word.as_bytes());
        let words: BTreeSet<&[u8]> = own.chain(given).collect();
        let words = words.into_iter().map(<[u8]>::to_vec).collect();
        assert!(!seeds.is_empty(), "a corpus has something in it");
        Self { seeds, words }
    }

    /// A random seed, unchanged.
    pub(crate) fn seed(&self, draw: &mut Draw) -> Vec<u8> {
        draw.pick(&self.seeds).clone()
    }

    /// A random seed with a few changes.
    pub(crate) fn mutant(&self, draw: &mut Draw) -> Vec<u8> {
        let mut bytes = self.seed(draw);
        while !draw.one_in(3) {
            mutate(draw, &mut bytes, &self.words, &self.seeds);
        }
        bytes
    }
}

/// A folder of the project.
pub(crate) fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The content of every file of the project under `path` that ends in `extension`, by its name.
pub(crate) fn files(path: &str, extension: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    collect(&folder(path), extension, &mut found);
    found.sort();
    let read = |path: PathBuf| {
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    found.into_iter().map(read).collect()
}

fn collect(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path = entry.expect("a folder of the project is readable").path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}
