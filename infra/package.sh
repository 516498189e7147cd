#!/usr/bin/env bash
# Builds the files of a release: the command for Linux, the Lambda functions, the context of a container image, bills
# of materials, release notes and checksums. infra/README.md lists the files.
set -euo pipefail

USAGE='usage: infra/package.sh [--only x86_64|arm64] [FOLDER]
       infra/package.sh --print-version

Builds the files of a release from this clone into FOLDER (default: target/package), which must be empty or missing.

  --only x86_64|arm64  build the command and the functions for this processor only. By default the command is
                       built for both processors, and the functions for arm64
  --print-version      print the version that is compiled into the programs, and build nothing

SOURCE_DATE_EPOCH sets the time of the packed files (default: the time of the commit).'

# The oldest glibc on which the command starts: the oldest one that Rust supports.
GLIBC=2.17
FUNCTIONS=(orchestrator worker)

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

step() {
    printf '\n== %s\n' "$*" >&2
}

# release_version: the version of Cargo.toml.
release_version() {
    sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml"
}

is_clone() {
    [[ -e "$root/.git" ]] && command -v git >/dev/null
}

# full_version: `0.1.0 (abcdef123456 2026-11-30)`; without git only `0.1.0`.
full_version() {
    local commit date dirty=''
    if ! is_clone; then
        release_version
        return
    fi
    commit="$(git -C "$root" rev-parse --short=12 HEAD)" || fail "cannot read the commit of $root"
    date="$(TZ=UTC git -C "$root" log -1 --format=%cd --date=format-local:%Y-%m-%d)"
    [[ -z "$(git -C "$root" --no-optional-locks status --porcelain)" ]] || dirty=-dirty
    printf '%s (%s%s %s)\n' "$(release_version)" "$commit" "$dirty" "$date"
}

# triple PROCESSOR: Rust's target for it.
triple() {
    case "$1" in
        x86_64) printf 'x86_64-unknown-linux-gnu' ;;
        arm64) printf 'aarch64-unknown-linux-gnu' ;;
    esac
}

# needs NAME INSTALL COMMAND...: adds NAME to the missing tools unless COMMAND succeeds.
needs() {
    local name="$1" install="$2"
    shift 2
    "$@" >/dev/null 2>&1 || missing+=("$name: $install")
}

has_target() {
    [[ -d "$(rustc --print target-libdir --target "$1")" ]]
}

has_gnu_tar() {
    [[ "$(tar --version)" == *GNU* ]]
}

check_tools() {
    local missing=() processor
    needs 'cargo and rustc' 'install Rust with rustup' cargo --version
    needs 'cc' 'apt-get install gcc' cc --version
    needs 'zig' 'pip install ziglang' has_zig
    needs 'cargo-zigbuild' 'pip install cargo-zigbuild' command -v cargo-zigbuild
    needs 'cargo-lambda' 'pip install cargo-lambda' command -v cargo-lambda
    needs 'cargo-cyclonedx' 'cargo install --locked cargo-cyclonedx' command -v cargo-cyclonedx
    needs 'GNU tar' 'apt-get install tar' has_gnu_tar
    needs 'zip' 'apt-get install zip' command -v zip
    needs 'sha256sum' 'apt-get install coreutils' command -v sha256sum
    if command -v rustc >/dev/null; then
        for processor in "${processors[@]}"; do
            needs "Rust's library for $processor" "rustup target add $(triple "$processor"), or omit it with --only" \
                has_target "$(triple "$processor")"
        done
    fi
    ((${#missing[@]} == 0)) && return
    printf 'error: these tools are missing:\n' >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
}

has_zig() {
    command -v zig || command -v python-zig || python3 -m ziglang version
}

# Replaces the folders of this machine in the programs: in panics of Rust, and in the file names of C.
hide_paths() {
    local cargo_home="${CARGO_HOME:-$HOME/.cargo}" folder rust='' c=''
    for folder in "$cargo_home"/registry/src/*/; do
        rust+=" --remap-path-prefix=${folder%/}=/cargo"
        c+=" -ffile-prefix-map=${folder%/}=/cargo"
    done
    rust+=" --remap-path-prefix=$root=/windlass"
    c+=" -ffile-prefix-map=$root=/windlass"
    export RUSTFLAGS="${rust# }" CFLAGS="${c# }"
}

# check_program FILE: it holds no path of this machine, and needs no newer glibc than GLIBC.
check_program() {
    local path newest
    for path in "$root/" "${CARGO_HOME:-$HOME/.cargo}/" "${RUSTUP_HOME:-$HOME/.rustup}/"; do
        ! grep -aFq "$path" "$1" || fail "$1 holds a path of this machine: $path"
    done
    newest="$(grep -aoE 'GLIBC_2\.[0-9]+' "$1" | sort -Vu | tail -n 1)"
    newest="${newest#GLIBC_}"
    [[ "$(printf '%s\n' "$newest" "$GLIBC" | sort -V | tail -n 1)" == "$GLIBC" ]] ||
        fail "$1 needs glibc $newest; at most $GLIBC is allowed"
}

# pack_tar ARCHIVE FOLDER: packs its content, the same on every machine.
pack_tar() {
    tar --create --directory "$2" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode=u+rwX,go+rX,go-w --format=gnu . | gzip --no-name --best >"$1"
}

# bill FILE PACKAGE PROGRAM TARGET FEATURES: writes the program's bill of materials. The tool writes one file for each
# program of the workspace, beside its Cargo.toml.
bill() {
    local made
    (cd "$root" && cargo cyclonedx --quiet --describe binaries --format json --spec-version 1.5 --target "$4" \
        --features "$5" --manifest-path "$2/Cargo.toml") || fail "cargo cyclonedx failed for $3"
    made="$root/$2/$3_bin.cdx.json"
    [[ -f "$made" ]] || fail "cargo cyclonedx wrote no $made"
    sed "s#$root#/windlass#g" "$made" >"$1"
    remove_bills
}

# Bills that stay in the clone would count as changes.
remove_bills() {
    rm -f "$root"/*/*.cdx.json
}

# build_command PROCESSOR: the command with licenses, and its bill of materials.
build_command() {
    local target name="windlass-$version-linux-$1" built
    target="$(triple "$1")"
    step "the command for $1"
    (cd "$root" && cargo zigbuild --locked --profile dist --target "$target.$GLIBC" -p windlass --bin windlass)
    built="$root/target/$target/dist/windlass"
    check_program "$built"
    if [[ "$(uname -sm)" == "Linux ${target%%-*}" ]]; then
        [[ "$("$built" --version)" == "windlass $WINDLASS_VERSION" ]] || fail "$built has another version"
    fi
    mkdir -p "$scratch/$name/$name"
    cp "$built" "$root"/LICENSE-* "$root/README.md" "$root/CHANGELOG.md" "$scratch/$name/$name"
    pack_tar "$out/$name.tar.gz" "$scratch/$name"
    bill "$out/$name.cdx.json" cli windlass "$target" ''
    # Docker's name of the processor.
    local docker="${1/x86_64/amd64}"
    mkdir -p "$scratch/image/$docker"
    cp "$built" "$scratch/image/$docker/windlass"
}

# build_functions PROCESSOR: one archive for each function, which holds only `bootstrap`.
build_functions() {
    local function flags=() name target
    target="$(triple "$1")"
    [[ "$1" == x86_64 ]] || flags=(--arm64)
    step "the functions for $1"
    (cd "$root" && cargo lambda build --locked --profile lambda "${flags[@]}" --lambda-dir "$scratch/lambda" \
        -p windlass-orchestrator -p windlass-worker --bin orchestrator --bin worker \
        --features windlass-orchestrator/lambda,windlass-worker/lambda)
    for function in "${FUNCTIONS[@]}"; do
        name="windlass-$version-$function-$1"
        check_program "$scratch/lambda/$function/bootstrap"
        touch -d "@$SOURCE_DATE_EPOCH" "$scratch/lambda/$function/bootstrap"
        chmod 755 "$scratch/lambda/$function/bootstrap"
        (cd "$scratch/lambda/$function" && TZ=UTC zip -q -X -9 "$out/$name.zip" bootstrap)
        bill "$out/$name.cdx.json" "$function" "$function" "$target" lambda
    done
}

# The section of this version in CHANGELOG.md; before the release, the one that is not released yet.
release_notes() {
    local section
    for section in "$version" Unreleased; do
        awk -v heading="## [$section]" '
            /^## / { inside = index($0, heading) == 1; next }
            /^\[[^]]+\]: / { inside = 0 }
            inside' "$root/CHANGELOG.md" >"$out/RELEASE_NOTES.md"
        ! grep -q '[^[:space:]]' "$out/RELEASE_NOTES.md" || return 0
    done
    fail "CHANGELOG.md has no section for $version"
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
only='' out=''
while (($# > 0)); do
    case "$1" in
        --help | -h) printf '%s\n' "$USAGE"; exit ;;
        --print-version) full_version; exit ;;
        --only)
            only="${2:-}"
            [[ "$only" == x86_64 || "$only" == arm64 ]] || fail "--only takes x86_64 or arm64, not \`$only\`"
            shift ;;
        -*) fail "unknown option $1; see infra/package.sh --help" ;;
        *)
            [[ -z "$out" ]] || fail 'more than one folder; see infra/package.sh --help'
            out="$1" ;;
    esac
    shift
done
processors=(x86_64 arm64)
[[ -z "$only" ]] || processors=("$only")
check_tools
[[ "$root" != *' '* ]] || fail "$root contains a space, which RUSTFLAGS cannot hold; clone into another folder"

out="${out:-$root/target/package}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
[[ -z "$(ls -A "$out")" ]] || fail "$out is not empty; remove it or name another folder"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"; remove_bills' EXIT

version="$(release_version)"
WINDLASS_VERSION="$(full_version)"
# Without a commit: the oldest time that a zip archive holds.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(is_clone && git -C "$root" log -1 --format=%ct || printf 315532800)}"
export WINDLASS_VERSION SOURCE_DATE_EPOCH
[[ "$WINDLASS_VERSION" != *-dirty* ]] || printf 'warning: this clone has uncommitted changes\n' >&2
step "windlass $WINDLASS_VERSION"
(cd "$root" && cargo fetch --locked)
hide_paths
for processor in "${processors[@]}"; do
    build_command "$processor"
done
build_functions "${only:-arm64}"
cp "$root/infra/Dockerfile" "$scratch/image"
pack_tar "$out/windlass-$version-image.tar.gz" "$scratch/image"
release_notes
(cd "$out" && sha256sum -- * >"$scratch/SHA256SUMS" && mv "$scratch/SHA256SUMS" .)
step "$out"
ls -l "$out" >&2
