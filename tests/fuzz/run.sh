#!/usr/bin/env bash
# Fuzzes what peers send us: tests/fuzz/run.sh [--coverage] [TARGET...]
#
# Runs each target (or those named) over the corpus, the golden messages and RUNS inputs made from them (default
# 200,000), two targets at a time. The same inputs each time, so that a failure here is a failure anywhere; SEED=2 makes
# others. Ends with 1 at the first crash, and says which input it was.
#
# --coverage builds everything once more, and prints which lines of the codecs the corpus and the run have reached.
# libFuzzer on the stable toolchain: no sanitizer is needed where nothing is unsafe, only the counters.
set -euo pipefail
cd "$(dirname "$0")"

readonly RUNS=${RUNS:-200000} SEED=${SEED:-1}
TOP=$(cd ../.. && pwd)
readonly TOP TARGET=x86_64-unknown-linux-gnu
readonly OUT=$TOP/target/fuzz
readonly QUIRKS=$TOP/tests/golden/quirks
readonly COUNTERS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1"

coverage=no
[[ ${1:-} == --coverage ]] && { coverage=yes; shift; }
targets=("$@")
((${#targets[@]})) || targets=(header values addresses mime notification compose smtp data proxy)

# build FOLDER FLAGS: the targets, for one purpose.
build() {
  RUSTFLAGS=$2 cargo build --release --locked --quiet --bins --target "$TARGET" --target-dir "$OUT/$1"
}

fuzz() {
  local target=$1 log=$OUT/$1.log begun=$SECONDS longest=4096
  # Composing is the slowest, and long texts are cut anyway.
  [[ $target == compose ]] && longest=1024
  mkdir -p "$OUT/corpus/$target" "$OUT/crashes" "corpus/$target"
  if ! "$OUT/fuzz/$TARGET/release/$target" "$OUT/corpus/$target" "corpus/$target" "$QUIRKS" -dict=mm4.dict \
    -runs="$RUNS" -seed="$SEED" -max_len=$longest -timeout=10 -artifact_prefix="$OUT/crashes/$target-" >"$log" 2>&1; then
    grep --after-context=3 -E 'panicked|^==.*ERROR' "$log" || tail -n 20 "$log"
    grep 'Test unit written' "$log" || true
    return 1
  fi
  printf '%-12s %s, %d s\n' "$target" "$(grep '^Done' "$log" | sed 's/ in .*//')" "$((SECONDS - begun))"
}

report_coverage() {
  local bin target objects=()
  bin=$(rustc --print sysroot)/lib/rustlib/$TARGET/bin
  [[ -x $bin/llvm-cov ]] || rustup component add llvm-tools
  build coverage -Cinstrument-coverage
  rm -rf "$OUT/profiles"
  for target in "${targets[@]}"; do
    find "$OUT/corpus/$target" "corpus/$target" "$QUIRKS" -type f ! -name '*.expected' -print0 |
      LLVM_PROFILE_FILE=$OUT/profiles/$target-%m.profraw \
        xargs -0 "$OUT/coverage/$TARGET/release/$target" >"$OUT/$target.coverage.log" 2>&1
    objects+=(${objects:+-object} "$OUT/coverage/$TARGET/release/$target")
  done
  "$bin/llvm-profdata" merge --sparse "$OUT"/profiles/*.profraw --output "$OUT/coverage.profdata"
  "$bin/llvm-cov" report "${objects[@]}" --instr-profile "$OUT/coverage.profdata" \
    --show-region-summary=false --show-branch-summary=false \
    --ignore-filename-regex='/(registry|rustc)/|fuzz/(src|targets)/[a-z]+[.]rs|host/src/message/'
}

build fuzz "$COUNTERS"
# Inputs that an earlier run found would make this one another.
rm -rf "$OUT/corpus"
running=0 failed=0
for target in "${targets[@]}"; do
  if ((running == 2)); then
    wait -n || failed=1
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
while ((running)); do
  wait -n || failed=1
  running=$((running - 1))
done
((failed == 0)) || exit 1
if [[ $coverage == yes ]]; then report_coverage; fi
