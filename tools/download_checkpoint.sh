#!/bin/sh
# shellcheck disable=SC2015,SC2317
# download_checkpoint.sh: published weights, as a folder for tools/convert.          MIT-0
#
#     sh tools/download_checkpoint.sh -o checkpoints tango          about 5 GB
#     convert checkpoints/tango -o tango.tango                      what comes next
#     sh tools/download_checkpoint.sh --list                        which names there are
#
# DIR/<model> gets the three weight files and configurations of the model, and beside them
# what the published folders only name: unet_config.json of the Tango code, the text
# encoder's configuration and spiece.model, and the scheduler's configuration. Every file
# is checked by size and digest where the source publishes them; a transfer that broke off
# goes on where it stopped. OWNER/NAME fetches another folder of the same layout.
# shellcheck source=tools/download.sh
. "$(dirname -- "$0")/download.sh"

hub_url=https://huggingface.co
code_url=https://raw.githubusercontent.com/declare-lab/tango/master
zenodo_url=https://zenodo.org
hub_owner=declare-lab
hub_models='tango tango-full tango-full-ft-audiocaps tango-full-ft-audio-music-caps tango2
    tango2-full tango-af-ac-ft-ac tango-music-af-ft-mc'

usage='download_checkpoint.sh -o DIR MODEL... [options]'
about='Fetches published checkpoints with all that tools/convert needs.'
options='
- list . the names of the models
- revision NAME branch or commit of the model (default main)
- code-url URL where the configurations of the Tango code are
- zenodo-url URL where the AudioLDM checkpoints are
- token-file FILE file with an access token, should the source want one
- verify . check the digests of files that are already there too'
after_help='--base-url stands for the hub that has the models. Exit status: 0 done, 1
failed, 2 wrong usage, 3 finished, but some of the models are not complete.'

models=''

# The record that holds an AudioLDM checkpoint.
zenodo_record()
{
    case $1 in
    audioldm-s-full) echo 7600541 ;;
    audioldm-full-l | audioldm-full-s-v2) echo 7698295 ;;
    audioldm-m-text-ft | audioldm-s-text-ft | audioldm-m-full) echo 7813012 ;;
    esac
}
zenodo_models='audioldm-s-full audioldm-full-s-v2 audioldm-full-l audioldm-s-text-ft
    audioldm-m-text-ft audioldm-m-full'

safe_repository()
{
    case $1 in */*/*) return 1 ;; ?*/?*) safe_path "$1" ;; *) return 1 ;; esac
}

operand()
{
    # shellcheck disable=SC2086,SC2116 # lists of words
    known=$(echo $hub_models $zenodo_models)
    case " $known " in
    *" $1 "*) ;;
    *) safe_repository "$1" ||
        usage_error "unknown model \"$1\"; --list shows the names" ;;
    esac
    case " $models " in *" $1 "*) ;; *) models="$models $1" ;; esac
}

# ---- Rows ----------------------------------------------------------------------------

# row URL TARGET SIZE DIGEST
row()
{
    printf '%s\t%s\t%s\t%s\n' "$@" >>"$run/rows" || fail "$run/rows: cannot write"
}

# hub_row REPOSITORY PATH TARGET: one file of a repository whose list is in $run/listing.
hub_row()
{
    found=$(awk -F "$tab" -v path="$2" '$1 == path { print $2 "\t" $3; exit }' \
        "$run/listing")
    [ -n "$found" ] || return 1
    row "$hub_url/$1/resolve/$revision/$2" "$3" "${found%"$tab"*}" "${found#*"$tab"}"
}

# trouble MODEL FILE REASON
trouble()
{
    record failed "$1/$2" "$3"
    return 1
}

# The configuration that the published models use, for when its repository is closed.
write_scheduler()
{
    printf '%s\n' '{' '  "_class_name": "DDIMScheduler",' \
        '  "num_train_timesteps": 1000,' '  "beta_start": 0.00085,' \
        '  "beta_end": 0.012,' '  "beta_schedule": "scaled_linear",' \
        '  "prediction_type": "v_prediction",' '  "clip_sample": false,' \
        '  "set_alpha_to_one": false,' '  "steps_offset": 1,' \
        '  "skip_prk_steps": true' '}' \
        >"$run/scheduler" && publish "$run/scheduler" "$1/scheduler_config.json"
}

scheduler_rows()
{
    revision=main
    if safe_repository "$2" && list_hub "$2" scheduler "$run/listing" &&
        hub_row "$2" scheduler/scheduler_config.json "$1/scheduler_config.json"; then
        return
    fi
    case $2 in
    stabilityai/stable-diffusion-2-1)
        if [ ! -f "$1/scheduler_config.json" ]; then
            warn "$2: ${reason:-no scheduler}; its known values are written instead"
            write_scheduler "$1"
        fi ;;
    *) trouble "$1" scheduler_config.json "$2: ${reason:-no such file there}" ;;
    esac
}

text_rows()
{
    revision=main
    safe_repository "$2" ||
        { trouble "$1" spiece.model "text_encoder_name \"$2\" is no repository"; return; }
    list_hub "$2" '' "$run/listing" ||
        { trouble "$1" spiece.model "$2: $reason"; return; }
    own text_encoder_config.json ||
        hub_row "$2" config.json "$1/text_encoder_config.json" ||
        trouble "$1" text_encoder_config.json "$2 has no config.json"
    own spiece.model || hub_row "$2" spiece.model "$1/spiece.model" ||
        trouble "$1" spiece.model "$2 has none"
}

unet_rows()
{
    case $2 in
    configs/*) safe_path "$2" && row "$code_url/$2" "$1/unet_config.json" - - && return ;;
    esac
    trouble "$1" unet_config.json "unet_model_config_path \"$2\" is not below configs/"
}

# own FILE: the model's repository has it.
own() { grep -q "^$1$tab" "$run/own"; }

# hub_model REPOSITORY: its own files first, then what main_config.json names and it
# lacks.
hub_model()
{
    name=${1##*/}
    make_folder "$name"
    revision=$own_revision
    list_hub "$1" '' "$run/listing" || { trouble "$name" - "$1: $reason"; return; }
    for file in main_config.json vae_config.json stft_config.json pytorch_model_main.bin \
        pytorch_model_vae.bin; do
        hub_row "$1" $file "$name/$file" || trouble "$name" $file "$1 has none"
    done
    for file in pytorch_model_stft.bin unet_config.json text_encoder_config.json \
        scheduler_config.json spiece.model defaults.json ATTRIBUTION.md; do
        hub_row "$1" $file "$name/$file" || :
    done
    grep "$tab$name/main_config.json$tab" "$run/rows" >"$run/main_row" || return
    fetch_row "$(cat "$run/main_row")"
    [ -f "$name/main_config.json" ] || return
    cp "$run/listing" "$run/own"
    reason=''
    if ! own text_encoder_config.json || ! own spiece.model; then
        text_rows "$name" "$(json_value "$name/main_config.json" text_encoder_name)"
    fi
    own scheduler_config.json ||
        scheduler_rows "$name" "$(json_value "$name/main_config.json" scheduler_name)"
    own unet_config.json ||
        unet_rows "$name" "$(json_value "$name/main_config.json" unet_model_config_path)"
}

zenodo_model()
{
    make_folder "$1"
    number=$(zenodo_record "$1")
    fetch "$zenodo_url/api/records/$number" "$run/record" - - ||
        { trouble "$1" - "record $number: $reason"; return; }
    : >"$run/listing"
    add_file_rows "$run/record" "$run/listing" ||
        { trouble "$1" - "record $number: $reason"; return; }
    for key in "$1" "$1.ckpt"; do
        found=$(awk -F "$tab" -v key="$key" '$1 == key { print $2 "\t" $3; exit }' \
            "$run/listing")
        [ -n "$found" ] || continue
        row "$zenodo_url/records/$number/files/$key?download=1" "$1/$1.ckpt" \
            "${found%"$tab"*}" "${found#*"$tab"}"
        return
    done
    trouble "$1" "$1.ckpt" "record $number has none"
}

# ---- Work ----------------------------------------------------------------------------

parse_options "$@"
# shellcheck disable=SC2086
[ -z "$opt_list" ] || { printf '%s\n' $hub_models $zenodo_models; exit 0; }
[ -n "$opt_output_dir" ] || no_output
[ -n "$models" ] || usage_error 'a model is needed; --list shows the names'
for url in base code zenodo; do
    eval "value=\$opt_${url}_url"
    [ -z "$value" ] || check_url $url-url "$value"
done
hub_url=${opt_base_url:-$hub_url} code_url=${opt_code_url:-$code_url}
zenodo_url=${opt_zenodo_url:-$zenodo_url}
hub_url=${hub_url%/} code_url=${code_url%/} zenodo_url=${zenodo_url%/}
own_revision=${opt_revision:-main}
safe_name "$own_revision" ||
    usage_error "--revision: \"$own_revision\" is no branch or commit"
use_token
need curl sha256sum sha1sum md5sum

begin
: >"$run/rows"
for model in $models; do
    note "list   $model"
    if [ -n "$(zenodo_record "$model")" ]; then
        zenodo_model "$model"
    else
        case $model in */*) hub_model "$model" ;; *) hub_model "$hub_owner/$model" ;; esac
    fi
done
check_stop
# shellcheck disable=SC2034 # columns by name
bytes=$(while IFS=$tab read -r url target size digest; do
    [ "$size" = - ] || in_place "$target" "$size" - || echo "$size"
done <"$run/rows" | awk '{ n += $1 } END { printf "%.0f", n }')
if [ -n "$opt_dry_run" ]; then
    awk -F "$tab" '{ printf "%15s  %s\n", $3, $2 }' "$run/rows"
    echo "$(($(wc -l <"$run/rows"))) files, $(human_size "$bytes") to fetch"
    show_troubles
    [ "$(count failed)" -eq 0 ]
    exit
fi
need_space "$bytes" 'the download'
note "fetch  $(human_size "$bytes")"
grep -v "/main_config.json$tab" "$run/rows" >"$run/others" || :
run_workers fetch_row "$run/others"
show_troubles
summary files
complete=0 incomplete=0
for model in $models; do
    name=${model##*/}
    if awk -F "$tab" -v name="$name/" '
        ($1 == "gone" || $1 == "failed") && index($2, name) == 1 { bad = 1 }
        END { exit bad }' "$run/log"; then
        complete=$((complete + 1))
        note "$opt_output_dir/$name: complete"
    else
        incomplete=$((incomplete + 1))
        note "$opt_output_dir/$name: not complete; the same command tries again"
    fi
done
[ "$incomplete" -gt 0 ] || exit 0
[ "$complete" -gt 0 ] || exit 1
exit 3
