#!/bin/sh
# shellcheck disable=SC2015,SC2317
# download_checkpoint.sh: published weights, as a folder for tools/convert.          MIT-0
#
#     sh tools/download_checkpoint.sh -o c tango                    about 5 GB
#     convert c/tango -o tango.tango                                what comes next
#     sh tools/download_checkpoint.sh -o c audioldm-s-full          2.6 GB, then
#     convert c/audioldm-s-full/audioldm-s-full.ckpt -o audioldm.tango
#     sh tools/download_checkpoint.sh -o c consistencytta           5.8 GB with a T5, then
#     convert c/consistencytta/unet_state_dict.pt -o fast.tango --text c/flan-t5-large \
#         --vae c/consistencytta/vae_state_dict.pt
#     sh tools/download_checkpoint.sh -o c soundctm                 11 GB with a VAE, then
#     convert c/soundctm/pytorch_model.bin -o ctm.tango --tokenizer c/soundctm \
#         --vae c/audioldm-s-full/audioldm-s-full.ckpt \
#         --vocoder c/audioldm-s-full/audioldm-s-full.ckpt [--unet c/soundctm/ema_...pt]
#     sh tools/download_checkpoint.sh --list                        which names there are
#
# DIR/<model> gets the weight files and configurations of the model, and beside them what
# the published folder only names and tools/convert has not built in: the tokenizer, and,
# where it is none of the published ones, the configuration of UNet, text encoder or
# scheduler. Every file is checked by size and digest where the source publishes them; a
# transfer that broke off goes on where it stopped. OWNER/NAME fetches another folder of
# Tango's layout.
# shellcheck source=tools/download.sh
. "$(dirname -- "$0")/download.sh"

hub_url=https://huggingface.co
code_url=https://raw.githubusercontent.com/declare-lab/tango/master
zenodo_url=https://zenodo.org
hub_owner=declare-lab
hub_models='tango tango-full tango-full-ft-audiocaps tango-full-ft-audio-music-caps tango2
    tango2-full tango-af-ac-ft-ac tango-music-af-ft-mc'
other_models='consistencytta soundctm flan-t5-large'

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
    known=$(echo $hub_models $zenodo_models $other_models)
    case " $known " in
    *" $1 "*) ;;
    *) safe_repository "$1" ||
        usage_error "unknown model \"$1\"; --list shows the names" ;;
    esac
    case " $models " in *" $1 "*) ;; *) models="$models $1" ;; esac
    case $1 in # what they are made of besides
    consistencytta) operand flan-t5-large ;;
    soundctm) operand audioldm-s-full ;;
    esac
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

# The schedule of Stable Diffusion 2.1, whose source was withdrawn, is built in.
scheduler_rows()
{
    revision=main
    case $2 in stabilityai/stable-diffusion-2-1*) return ;; esac
    safe_repository "$2" && list_hub "$2" scheduler "$run/listing" &&
        hub_row "$2" scheduler/scheduler_config.json "$1/scheduler_config.json" ||
        trouble "$1" scheduler_config.json "$2: ${reason:-no such file there}"
}

# tokenizer_rows NAME REPOSITORY: the tokenizer of a T5, in one of its two forms.
tokenizer_rows()
{
    list_hub "$2" '' "$run/listing" ||
        { trouble "$1" spiece.model "$2: $reason"; return; }
    hub_row "$2" spiece.model "$1/spiece.model" ||
        hub_row "$2" tokenizer.json "$1/tokenizer.json" ||
        trouble "$1" spiece.model "$2 has neither this nor tokenizer.json"
}

# words_rows NAME REPOSITORY FOLDER: a tokenizer of vocab.json and merges.txt, in the same
# FOLDER here and there.
words_rows()
{
    list_hub "$2" "$3" "$run/listing" ||
        { trouble "$1" "${3:+$3/}vocab.json" "$2: $reason"; return; }
    for file in "${3:+$3/}vocab.json" "${3:+$3/}merges.txt"; do
        hub_row "$2" "$file" "$1/$file" || trouble "$1" "$file" "$2 has none"
    done
}

text_rows()
{
    revision=main
    safe_repository "$2" ||
        { trouble "$1" spiece.model "text_encoder_name \"$2\" is no repository"; return; }
    case $2 in
    */*stable-diffusion*)
        make_folder "$1/tokenizer"
        words_rows "$1" "$2" tokenizer
        return ;;
    esac
    own spiece.model || own tokenizer.json || tokenizer_rows "$1" "$2"
    case $2 in google/flan-t5-*) return ;; esac # its numbers are those of the weights
    own text_encoder_config.json ||
        hub_row "$2" config.json "$1/text_encoder_config.json" ||
        trouble "$1" text_encoder_config.json "$2 has no config.json"
}

unet_rows()
{
    case $2 in
    '' | configs/diffusion_model_config.json) return ;; # built in
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
        scheduler_config.json spiece.model tokenizer.json defaults.json ATTRIBUTION.md; do
        hub_row "$1" $file "$name/$file" || :
    done
    grep "$tab$name/main_config.json$tab" "$run/rows" >"$run/main_row" || return
    fetch_row "$(cat "$run/main_row")"
    [ -f "$name/main_config.json" ] || return
    cp "$run/listing" "$run/own"
    reason=''
    if ! own text_encoder_config.json ||
        { ! own spiece.model && ! own tokenizer.json; }; then
        text_rows "$name" "$(json_value "$name/main_config.json" text_encoder_name)"
    fi
    own scheduler_config.json ||
        scheduler_rows "$name" "$(json_value "$name/main_config.json" scheduler_name)"
    own unet_config.json ||
        unet_rows "$name" "$(json_value "$name/main_config.json" unet_model_config_path)"
}

# other_model NAME REPOSITORY FOLDER FILE...: files of one folder of a repository.
other_model()
{
    name=$1 repository=$2 folder=$3
    shift 3
    make_folder "$name"
    revision=main
    list_hub "$repository" "$folder" "$run/listing" ||
        { trouble "$name" - "$repository: $reason"; return; }
    for file; do
        hub_row "$repository" "${folder:+$folder/}$file" "$name/$file" ||
            trouble "$name" "$file" "$repository has none"
    done
}

# A T5 is published as safetensors, and before that as PyTorch saves it.
t5_model()
{
    other_model "$1" "google/$1" '' config.json
    hub_row "google/$1" model.safetensors "$1/model.safetensors" ||
        hub_row "google/$1" pytorch_model.bin "$1/pytorch_model.bin" ||
        trouble "$1" model.safetensors "google/$1 has neither this nor pytorch_model.bin"
    tokenizer_rows "$1" "google/$1"
}

# The checkpoint holds CLAP, but not the tokenizer of its RoBERTa.
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
        revision=main
        words_rows "$1" FacebookAI/roberta-base ''
        return
    done
    trouble "$1" "$1.ckpt" "record $number has none"
}

# ---- Work ----------------------------------------------------------------------------

parse_options "$@"
# shellcheck disable=SC2086
[ -z "$opt_list" ] || { printf '%s\n' $hub_models $zenodo_models $other_models; exit 0; }
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
    case $model in
    audioldm-*) zenodo_model "$model" ;;
    consistencytta)
        other_model "$model" Bai-YT/ConsistencyTTA '' unet_state_dict.pt \
            vae_state_dict.pt ;;
    soundctm)
        other_model "$model" Sony/soundctm soundctm_ckpt/030000 pytorch_model.bin \
            ema_0.999_030000.pt
        tokenizer_rows "$model" google/flan-t5-large ;;
    flan-t5-large) t5_model "$model" ;;
    */*) hub_model "$model" ;;
    *) hub_model "$hub_owner/$model" ;;
    esac
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
