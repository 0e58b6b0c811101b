# Completions of adieu for bash. The program itself says what can stand at the cursor.
_adieu() {
    local line=${COMP_LINE:0:COMP_POINT} piece kind value glued i
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        glued=$line
        line=${line#"${line%%[![:space:]]*}"}
        piece=${COMP_WORDS[i]}
        # Of the last word, what stands before the cursor.
        ((i == COMP_CWORD)) && piece=$line
        if ((${#words[@]} > 0)) && [[ $glued == "$line" && -n $piece ]]; then
            # bash cuts words at = and :
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        line=${line#"$piece"}
    done
    # What readline does not replace, because it cuts there.
    local current=${words[${#words[@]} - 1]} kept=
    [[ $current == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]] && kept=${current%"${current##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r value; do
        if [[ -z $kind ]]; then
            kind=$value
        else
            value=${value#"$kept"}
            [[ $value == *= ]] && compopt -o nospace 2>/dev/null
            COMPREPLY+=("$value")
        fi
    done < <(ADIEU_COMPLETE=bash "$1" -- "${words[@]}" 2>/dev/null)
    [[ $kind == files ]] && compopt -o default 2>/dev/null
    return 0
}
complete -F _adieu adieu
