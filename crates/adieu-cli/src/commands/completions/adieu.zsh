#compdef adieu
# Completions of adieu for zsh. The program itself says what can stand at the cursor.
_adieu() {
    local -a lines values displays open
    local line value
    lines=("${(@f)$(ADIEU_COMPLETE=zsh ${(Q)words[1]} -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    if [[ $lines[1] == files ]]; then
        compset -P '--*=' || compset -P 'unix:'
        _files
        return
    fi
    for line in "${(@)lines[2,-1]}"; do
        value=${line%%$'\t'*}
        if [[ $value == *= ]]; then
            open+=("$value")
        else
            values+=("$value")
            displays+=("${line/$'\t'/  -- }")
        fi
    done
    (( $#open )) && compadd -S '' -a open
    (( $#values )) && compadd -l -d displays -a values
}
if [[ $funcstack[1] == _adieu ]]; then
    _adieu "$@"
else
    compdef _adieu adieu
fi
