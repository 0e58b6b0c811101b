# Completions of adieu for fish. The program itself says what can stand at the cursor.
function __adieu_ask
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    env ADIEU_COMPLETE=fish $words[1] -- $words "$current" 2>/dev/null
end
# What stands before a path in the same word.
function __adieu_before_path
    string match --regex -- '^(?:--[a-z-]*=|unix:)' (commandline --current-token --cut-at-cursor)
end
function __adieu_wants_files
    set -l before (__adieu_before_path)
    set -l lines (__adieu_ask)
    test -z "$before" -a "$lines[1]" = files
end
function __adieu_complete
    set -l lines (__adieu_ask)
    if test "$lines[1]" = files
        set -l before (__adieu_before_path)
        test -n "$before"; or return
        set -l current (commandline --current-token --cut-at-cursor)
        for found in (__fish_complete_path (string sub --start (math (string length -- "$before") + 1) -- "$current"))
            echo "$before$found"
        end
    else
        printf '%s\n' $lines[2..-1]
    end
end
complete --command adieu --no-files --arguments '(__adieu_complete)'
complete --command adieu --condition __adieu_wants_files --force-files
