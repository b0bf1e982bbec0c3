# Compares the lines that no test executed with tests/uncovered, see tests/coverage.
# Input: 1 the files of unit tests; 2 the list; 3 "FILE LINE COUNT" of the live tests, 4 of the offline tests, for each
# line with code. `list` names the file for the rows of a new list.

# So many lines in all may be missed that are not listed: threads and processes meet by chance.
BEGIN { by_chance = 100 }

input == 1 { is_test[$1] = 1; next }

input == 2 {
  if (/^# reason /) { known[$3] = 1; next }
  if (/^#/ || !NF) next
  if (NF != 4 || !($4 in known)) { print "tests/uncovered:" FNR ": needs LINES FILE FUNCTION REASON, with a reason of the head"; failed = 1; next }
  if ($3 == "*") { whole[$2] = $4; next }
  allowed[$2 " " $3] = $1; reason[$2 " " $3] = $4
  next
}

input == 3 { if ($3 > 0) executed_live[$1 ":" $2] = 1; next }

# The function of each line, from the text; the end of the code before the unit tests.
function read_source(file,   number, line, name, before) {
  source = file; end = 0; number = 0; name = "-"
  while ((getline line < file) > 0) {
    number++
    if (before ~ /^#\[cfg\((test\)|all\(test,.*\))\]$/ && line ~ /^mod .*\{$/ && !end) end = number - 1
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
  if (($1 ":" $2) in executed_live) live[crate_of($1)]++
  if ((why = whole_of($1)) != "") { by_reason[why]++; next }
  place = $1 " " function_of[$2]
  uncovered[place]++
  if (($1 ":" $2) in executed_live) only_live[place]++
  shown[place] = shown[place] "  " $1 ":" $2 ": " text[$2] "\n"
}

# The reason in a new list: that of the old one, unless the live tests have executed the lines.
function new_reason(place) {
  if (2 * only_live[place] > uncovered[place]) return "live"
  return place in reason ? reason[place] : "left"
}

END {
  for (crate in total) {
    printf "%-10s %6d of %6d lines, %.2f %%", crate, executed[crate], total[crate], 100 * executed[crate] / total[crate]
    if (live[crate]) printf "; with the live tests %.2f %%", 100 * (executed[crate] + live[crate]) / total[crate]
    print ""
  }
  for (place in uncovered) {
    if (mode == "--lines") printf "%s", shown[place]
    by_reason[place in reason ? reason[place] : "-"] += uncovered[place]
    excess = uncovered[place] - allowed[place]
    if (excess > 0) {
      if (!list && mode != "--lines") printf "%d lines of %s are not executed, %d are listed:\n%s", uncovered[place], place, allowed[place], shown[place]
      unlisted += excess
    }
    if (list) print (mode == "--widen" && allowed[place] > uncovered[place] ? allowed[place] : uncovered[place]), place, new_reason(place) >list
  }
  for (place in allowed)
    if (uncovered[place] + 0 < allowed[place]) {
      fewer++
      if (mode == "--widen" && !(place in uncovered)) print allowed[place], place, reason[place] >list
    }
  for (why in by_reason) printf "not executed: %5d %s\n", by_reason[why], why
  if (fewer) printf "%d rows of tests/uncovered list more lines than are missed; tests/coverage --write writes it anew\n", fewer
  if (list) exit failed
  if (unlisted) printf "%d lines are not executed that tests/uncovered does not list; %d may be\n", unlisted, by_chance
  exit failed || unlisted > by_chance
}
