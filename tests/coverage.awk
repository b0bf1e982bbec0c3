# Compares the lines that no test executed with tests/uncovered, see tests/coverage.
# Input: the files of unit tests; the list; "FILE LINE COUNT" for each line with code.

FNR == 1 { input++ }

input == 1 { is_test[$1] = 1; next }

input == 2 {
  if (/^# reason /) { known[$3] = 1; next }
  if (/^#/ || !NF) next
  if (NF != 4 || !($4 in known)) { print "tests/uncovered:" FNR ": needs LINES FILE FUNCTION REASON, with a reason of the head"; failed = 1; next }
  if ($3 == "*") { whole[$2] = $4; next }
  allowed[$2 " " $3] = $1; reason[$2 " " $3] = $4
  next
}

# The function of each line, from the text; the end of the code before the unit tests.
function read_source(file,   number, line, name, before) {
  source = file; end = 0; number = 0; name = "-"
  while ((getline line < file) > 0) {
    number++
    if (before ~ /^#\[cfg\(test\)\]$/ && line ~ /^mod .*\{$/ && !end) end = number - 1
    if (line ~ /^ *(pub(\([a-z]+\))? )?(const )?(async )?fn [a-z]/) { name = line; sub(/^.*fn /, "", name); sub(/[^a-z0-9_].*/, "", name) }
    function_of[number] = name; text[number] = line
    before = line
  }
  close(file)
}

function crate_of(file) { sub(/\/.*/, "", file); return file }

function whole_of(file,   prefix) {
  for (prefix in whole) if (index(file, prefix) == 1) return whole[prefix]
  return ""
}

$1 in is_test { next }

{
  if ($1 != source) read_source($1)
  if (end && $2 >= end) next
  total[crate_of($1)]++
  if ($3 > 0) { executed[crate_of($1)]++; next }
  if ((why = whole_of($1)) != "") { by_reason[why]++; next }
  place = $1 " " function_of[$2]
  uncovered[place]++
  shown[place] = shown[place] "  " $1 ":" $2 ": " text[$2] "\n"
}

END {
  for (crate in total)
    printf "%-10s %6d of %6d lines, %.2f %%\n", crate, executed[crate], total[crate], 100 * executed[crate] / total[crate]
  for (place in uncovered) {
    if (lines) printf "%s", shown[place]
    by_reason[place in reason ? reason[place] : "-"] += uncovered[place]
    if (uncovered[place] > allowed[place] + 0) {
      printf "%d lines of %s are not executed, %d are listed:\n%s", uncovered[place], place, allowed[place], shown[place]
      failed = 1
    }
  }
  for (place in allowed)
    if (uncovered[place] + 0 < allowed[place])
      printf "note: %s: %d lines are listed, %d are not executed\n", place, allowed[place], uncovered[place]
  for (why in by_reason) printf "not executed: %5d %s\n", by_reason[why], why
  exit failed
}
