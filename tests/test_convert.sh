#!/bin/sh
# test_convert.sh: what tools/convert and tools/inspect do with good and with broken folders.
#
#     sh tests/test_convert.sh            needs a C compiler ($CC, or cc) and nothing else
#
# Prints one line a claim, then "N passed, N failed"; the exit status is 0 if none failed.
. "$(dirname "$0")/lib.sh"
here=$tests work=$tmp
cd "$work" || exit 1
programs convert inspect poison spoil generate

# A fresh copy of the checkpoint, to be broken.
fresh() { rm -rf model; cp -R "$here/golden/models/v1" model; chmod -R u+w model; }

# edit FILE OLD NEW: replaces OLD, which must be there, in a configuration.
edit() {
    grep -q "$2" "model/$1" || echo "    edit: $1 has no $2"
    sed "s/$2/$3/" "model/$1" > edited && mv edited "model/$1"
}

# claim NAME STATUS TEXT COMMAND...: the command exits with STATUS and says TEXT.
claim() {
    name=$1 status=$2 text=$3; shift 3
    "$@" > out 2> err; got=$?
    if [ $got -eq "$status" ] && { [ -z "$text" ] || cat out err | grep -qF -- "$text"; }; then
        passed=$((passed + 1)); echo "pass  $name"
    else
        failed=$((failed + 1)); echo "FAIL  $name"
        echo "    exit $got, expected $status and \"$text\""; head -5 err | sed 's/^/    /'
    fi
}

# refuses NAME TEXT [OPTION...]: the model is not converted, the old output stays as it was
# and no other file appears.
refuses() {
    name=$1 text=$2; shift 2
    rm -rf target; mkdir target; echo old > target/x.tango
    claim "$name" 1 "$text" ./convert model -o target/x.tango "$@"
    [ "$(ls target)" = x.tango ] && [ "$(cat target/x.tango)" = old ] && return
    failed=$((failed + 1)); echo "FAIL  $name: the old output is gone or files are left over"
}

# --- good folders ---------------------------------------------------------------------
fresh
claim converts_to_f32 0 "937 tensors, 483159 parameters, f32" ./convert model -o a.tango -t f32
claim converts_to_f16 0 "937 tensors, 483159 parameters, f16" ./convert model -o b.tango -t f16
claim converts_to_bf16 0 "937 tensors, 483159 parameters, bf16" ./convert model -o h.tango -t bf16
claim converts_to_i16 0 "937 tensors, 483159 parameters, i16" ./convert model -o i.tango -t i16
claim default_type_is_the_checkpoints 0 "" ./convert model --output=c.tango --quiet
claim default_equals_f32 0 "CRC-32" ./inspect c.tango tango.provenance --json
claim same_input_same_bytes 0 "" cmp a.tango c.tango
claim inspect_finds_f32_whole 0 "937 tensors, 485302 numbers" ./inspect a.tango
claim inspect_finds_f16_whole 0 " 0 damaged" ./inspect b.tango
claim inspect_finds_bf16_whole 0 " 0 damaged" ./inspect h.tango
claim inspect_lists_bf16 0 "15 x 9 x 8        bf16  panels" ./inspect h.tango unet.conv_in
claim bf16_has_the_size_of_f16 0 "" [ "$(wc -c < h.tango)" -eq "$(wc -c < b.tango)" ]
claim bf16_generates 0 "h.wav" ./generate -m h.tango --steps 2 -o h.wav x
claim inspect_finds_i16_whole 0 " 0 damaged" ./inspect i.tango
claim inspect_lists_blocks_of_integers 0 "i16   blocks    20.8 KB" ./inspect i.tango vocoder.ups.0
# Scales that no conversion writes: refused at opening, or what they lead to is said by stage.
for value in nan inf -1; do
    ./spoil i.tango n.tango unet.down_blocks.0.resnets.0.conv1.weight 16 $value
    claim "a_scale_of_${value}_is_refused" 1 "conv1.weight: a scale is negative or not finite" ./generate -m n.tango --steps 2 -o n.wav x
done
./spoil i.tango n.tango unet.down_blocks.0.resnets.0.conv1.weight 16 3e38
claim a_scale_of_3e38_is_said_by_stage 1 "latent: NaN or infinity after step 0" ./generate -m n.tango --steps 2 -o n.wav x
./spoil i.tango n.tango unet.down_blocks.0.resnets.0.conv1.weight 16 0
claim a_scale_of_0_is_a_layer_of_zeros 0 "n.wav" ./generate -m n.tango --steps 2 -o n.wav x
# 8 bits, of a blob of floats, where layers stand them.
claim converts_to_i8 0 "8 bits for" ./convert a.tango -o j.tango -t i8
claim inspect_finds_i8_whole 0 " 0 damaged" ./inspect j.tango
claim i8_names_the_errors 0 "Errors of layers in 8 bits; 2 prompts of 4 steps; i8 up to 1 %" ./inspect j.tango tango.calibration --json
claim i8_says_so_in_its_history 0 "then convert" ./inspect j.tango tango.provenance --json
claim i8_lists_a_layer 0 "i8    blocks" ./inspect j.tango unet.mid_block
claim i8_leaves_what_is_not_measured 0 "not measured i16 encoder." ./inspect j.tango tango.calibration --json
claim i8_leaves_the_border 0 "15 x 9 x 8        f32   panels" ./inspect j.tango unet.conv_in
claim i8_is_smaller 0 "" [ "$(wc -c < j.tango)" -lt "$(wc -c < i.tango)" ]
claim i8_generates 0 "j.wav" ./generate -m j.tango --steps 2 -o j.wav x
claim i8_of_f16 0 "8 bits for" ./convert b.tango -o j2.tango -t i8
claim i8_of_bf16 0 "8 bits for" ./convert h.tango -o j2.tango -t i8
claim i8_is_the_same_again 0 "" ./convert a.tango -o j2.tango -t i8 --quiet
claim i8_has_the_same_bytes 0 "" cmp j.tango j2.tango
claim i8_of_integers_is_refused 1 "is of integers already" ./convert i.tango -o j2.tango -t i8
claim i8_of_a_checkpoint_is_told_how 2 "-t i8 takes a blob" ./convert model -o j2.tango -t i8
claim i8_of_parts_is_refused 2 "--only contradicts" ./convert a.tango -o j2.tango -t i8 --only vae
claim i8_onto_itself_is_refused 1 "a.tango" ./convert a.tango -o ./a.tango -t i8
./convert model -o v.tango -t f32 --only vae,vocoder -q
claim i8_needs_all_parts 1 "v.tango" ./convert v.tango -o j3.tango -t i8
claim what_failed_left_nothing 0 "" [ ! -e j3.tango ]
./spoil a.tango n.tango unet.down_blocks.0.resnets.0.conv1.weight 16 nan
claim i8_of_nan_is_said_by_stage 1 "NaN or infinity" ./convert n.tango -o j3.tango -t i8
layer=$(./inspect j.tango unet | awk '$7 == "i8" { print $1; exit }')
for value in nan inf -1; do
    ./spoil j.tango n.tango "$layer" 16 $value
    claim "a_scale_of_${value}_is_refused_in_i8" 1 "a scale is negative or not finite" ./generate -m n.tango --steps 2 -o n.wav x
done
./spoil j.tango n.tango "$layer" 16 3e38
claim a_scale_of_3e38_is_said_by_stage_in_i8 1 "latent: NaN or infinity after step 0" ./generate -m n.tango --steps 2 -o n.wav x
./spoil j.tango n.tango "$layer" 16 0
claim a_scale_of_0_in_i8_is_a_column_of_zeros 0 "n.wav" ./generate -m n.tango --steps 2 -o n.wav x
claim first_layers_stay_floats 0 "15 x 9 x 8        f32   panels" ./inspect i.tango unet.conv_in
claim inspect_says_which_of_two_opposites_counts 0 "note: --check has no effect" ./inspect --check --no-check a.tango
claim inspect_lists_matrices 0 "15 x 9 x 8        f16   panels" ./inspect b.tango unet.conv_in
claim inspect_writes_json 0 '"shape": [15, 9, 8], "offset": ' ./inspect --json a.tango
before=$(cat model/* 2>/dev/null | cksum)
for name in main_config.json pytorch_model_main.bin spiece.model defaults.json; do
    [ -e model/$name ] || continue
    claim "refuses_its_own_$name" 1 "the same file as model/$name" ./convert model -o model/./$name
done
ln model/main_config.json hard.tango; ln -s model/vae_config.json soft.tango
cp model/pytorch_model_main.bin model/pytorch_model_2.bin
claim refuses_a_hard_link_to_a_file_of_the_folder 1 "the same file as" ./convert model -o hard.tango
claim refuses_a_link_to_one 1 "the same file as" ./convert model -o soft.tango
claim refuses_one_that_is_not_read 1 "the same file as" ./convert model -o model/pytorch_model_2.bin
rm model/pytorch_model_2.bin
claim all_are_as_they_were 0 "" [ "$(cat model/* | cksum)" = "$before" ]
claim geglu_is_split 0 "60 x 1 x 15" ./inspect a.tango down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.gate
claim transposed_becomes_convolution 0 "80 x 4 x 32" ./inspect a.tango vocoder.ups.0.weight
claim values_are_there 0 "u64     3 4 5" ./inspect a.tango unet.heads
mv model/pytorch_model_main.bin model/pytorch_model_2.bin
mv model/pytorch_model_vae.bin model/pytorch_model.bin
claim names_of_the_training_script 0 "937 tensors" ./convert model -o d.tango
fresh
echo '{"steps": 7, "sampler": "ddim", "rescale": 0.625, "licence": "CC0", "unknown": [1]}' > model/defaults.json
echo 'by nobody' > model/ATTRIBUTION.md
edit unet_config.json '"act_fn"' '"some_new_key": null, "act_fn"'
claim defaults_and_unknown_keys 0 "" ./convert model -o e.tango -q
claim defaults_are_kept 0 "u64     7" ./inspect e.tango default.steps
claim rescale_is_one_of_them 0 "0.625" ./inspect e.tango default.rescale
claim attribution_is_kept 0 "by nobody" ./inspect e.tango tango.attribution_text

# --- damaged archives, full disks -----------------------------------------------------
# damage FILE AT: the byte there becomes another one.
damage() {
    old=$(od -An -tu1 -j "$2" -N 1 "model/$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $(((old + 128) % 256)))" |
        dd of="model/$1" bs=1 seek="$2" conv=notrunc 2> dd.log || cat dd.log
}
for file in pytorch_model_main.bin pytorch_model_vae.bin; do
    size=$(wc -c < "model/$file")
    for part in 1 2 3 4 5 6 7; do
        fresh # one of the two may be padding, which means nothing
        damage $file $((size / 8 * part)); damage $file $((size / 8 * part + 100))
        refuses "$file: bytes at $part/8" "$file: zip: "
        [ $part -ne 4 ] || claim "$file: --list finds it too" 1 "CRC-32" ./convert model --list
    done
done
fresh
rm -rf target; mkdir target
claim a_full_disk 1 "writing failed" sh -c 'trap "" XFSZ; ulimit -f 600; exec ./convert model -o target/x.tango'
claim a_full_disk_leaves_nothing 0 "" [ -z "$(ls -A target)" ]

# --- the checkpoint does not fit the configuration ------------------------------------
fresh; edit unet_config.json '"layers_per_block": 2' '"layers_per_block": 3'
refuses missing_tensor "unet.down_blocks.0.resnets.2.conv1.weight is missing, expected [15, 15, 3, 3]"
fresh; edit text_encoder_config.json '"num_layers": 2' '"num_layers": 1'
refuses superfluous_tensor "text_encoder.encoder.block.1.layer.0.SelfAttention.q.weight [21, 24] is superfluous"
fresh; edit text_encoder_config.json '"d_ff": 40' '"d_ff": 41'
refuses misshapen_tensor "wi_0.weight: expected shape [41, 24], found [40, 24]"
refuses all_are_counted "model: 6 problems, nothing was written"
fresh; edit unet_config.json '"use_linear_projection": true' '"use_linear_projection": false'
refuses projection_kind "proj_in.weight: expected shape [15, 15, 1, 1], found [15, 15]"
fresh; edit main_config.json '"unet_model_name": null' '"unet_model_name": "x"'
refuses adapters_are_asked_for "group_in.0.weight is missing, expected [512, 8]"
fresh; edit unet_config.json '"norm_num_groups": 5' '"norm_num_groups": 4'
refuses groups_must_divide "unet_config.json: norm_num_groups is 4, expected a divisor of 15 (unet_config.json: block_out_channels)"
fresh; edit unet_config.json '"cross_attention_dim": 24' '"cross_attention_dim": 25'
refuses text_width "unet_config.json: cross_attention_dim is 25, expected 24 (text_encoder_config.json: d_model)"
fresh; cp model/pytorch_model_main.bin model/pytorch_model_stft.bin
refuses stft_is_checked "pytorch_model_stft.bin: mel_basis is missing, expected [64, 513]"

# --- arithmetic that is not supported -------------------------------------------------
fresh; edit unet_config.json '"act_fn": "silu"' '"act_fn": "mish"'
refuses other_activation "act_fn: only silu is supported, found mish"
fresh; edit unet_config.json '"UpBlock2D"' '"AttnUpBlock2D"'
refuses other_block "up_block_types: AttnUpBlock2D is not supported"
fresh; edit unet_config.json '"layers_per_block": 2' '"layers_per_block": [2, 2, 2]'
refuses layers_as_list "layers_per_block: expected a whole number"
fresh; edit vae_config.json '"attn_resolutions": \[\]' '"attn_resolutions": [16]'
refuses vae_attention "attn_resolutions"
fresh; edit text_encoder_config.json gated-gelu relu
refuses other_text_encoder "feed_forward_proj: only gated-gelu is supported, found relu"
fresh; edit scheduler_config.json '"steps_offset"' '"rescale_betas_zero_snr": true, "steps_offset"'
refuses zero_snr "rescale_betas_zero_snr: only false is supported, found true"
fresh; edit scheduler_config.json v_prediction flow
refuses other_prediction "prediction_type: expected one of epsilon|v_prediction|sample, found flow"

# --- configurations that no later stage could run -------------------------------------
fresh; edit stft_config.json '"hop_length": 160' '"hop_length": 128'
refuses rates_make_the_hop "stft_config.json: hop_length is 128, expected 160 (vae_config.json: vocoder: upsample_rates)"
fresh; edit stft_config.json '"filter_length": 1024' '"filter_length": 1000'
refuses transform_is_a_power_of_two "stft_config.json: filter_length is 1000, expected a power of two"
fresh; echo '{"guidance": 0}' > model/defaults.json
refuses guidance_0_is_not_guidance_3 "defaults.json: guidance: expected a number from 1 to 1000, found 0"
fresh; echo '{"steps": 25}' > model/defaults.json; edit scheduler_config.json 1000 20
refuses default_steps_fit_the_schedule "defaults.json: steps: 25, expected 1 to 20"
fresh; edit scheduler_config.json '"beta_end": 0.012' '"beta_end": 0.5'
refuses alpha_stays_a_number "scheduler_config.json: beta_end is 0.5, expected a product"

# --- schedulers -----------------------------------------------------------------------
# scheduler CLASS KEYS: the file has this class and these keys, the first without a comma.
scheduler() { fresh; echo "{\"_class_name\": \"$1\"$2}" > model/scheduler_config.json; }
# stored NAME KEY VALUE: the model converts and the blob has the value.
stored() { claim "$1" 0 "" ./convert model -o s.tango -q; claim "$1: $2" 0 "$3" sh -c "./inspect --no-check --json s.tango schedule.$2"; }
for class in FlowMatchEulerDiscreteScheduler EDMEulerScheduler CMStochasticIterativeScheduler \
    UnCLIPScheduler CogVideoXDDIMScheduler VQDiffusionScheduler NoSuchScheduler; do
    scheduler $class ', "num_train_timesteps": 1000'
    refuses "class $class" "scheduler_config.json: _class_name: $class is not supported"
done
scheduler DDIMScheduler ', "beta_schedule": "squaredcos_cap_v2"'
refuses cosine "beta_schedule: expected one of linear|scaled_linear, found squaredcos_cap_v2"
scheduler DDIMScheduler ', "trained_betas": [0.1, 0.2]'
refuses betas_of_a_list "trained_betas: only null is supported, found a list"
scheduler EulerDiscreteScheduler ', "use_karras_sigmas": true'
stored karras use_karras_sigmas '"schedule.use_karras_sigmas": 1'
for key in exponential_sigmas beta_sigmas; do
    scheduler EulerDiscreteScheduler ", \"use_$key\": true"
    refuses $key "use_$key: only false is supported, found true"
done
scheduler EulerDiscreteScheduler ', "timestep_type": "continuous"'
refuses continuous "timestep_type: only discrete is supported, found continuous"
scheduler EulerDiscreteScheduler ', "sigma_max": 80.0'
refuses other_ends "sigma_max: only null is supported, found 80"
scheduler DPMSolverMultistepScheduler ', "use_lu_lambdas": true'
refuses lu "use_lu_lambdas: only false is supported, found true"
scheduler UniPCMultistepScheduler ', "use_flow_sigmas": true'
refuses flow "use_flow_sigmas: only false is supported, found true"
scheduler LCMScheduler ', "original_inference_steps": 40'
stored grid_of_lcm original_inference_steps '"schedule.original_inference_steps": 40'
scheduler LCMScheduler ', "timestep_scaling": 1.0'
refuses scaled_timesteps "timestep_scaling: only 10 is supported, found 1"
scheduler DDIMScheduler ', "original_inference_steps": 0'
claim grid_means_nothing_to_others 0 "" ./convert model -o s.tango -q
scheduler EulerAncestralDiscreteScheduler ', "use_karras_sigmas": true'
stored karras_means_nothing_to_others class '"EulerAncestralDiscreteScheduler"'
scheduler PNDMScheduler ', "rescale_betas_zero_snr": true, "solver_order": 3, "clip_sample": false'
stored keys_of_other_classes clip_sample '"schedule.clip_sample": 0'
scheduler DPMSolverMultistepScheduler ', "solver_order": 3'
refuses order "solver_order: only 2 is supported, found 3"
scheduler DPMSolverMultistepScheduler ', "algorithm_type": "sde-dpmsolver++"'
refuses algorithm "algorithm_type: expected one of dpmsolver++|deis, found sde-dpmsolver++"
scheduler DPMSolverMultistepScheduler ', "lambda_min_clipped": -5.1'
refuses clipped_lambda "lambda_min_clipped: only -Infinity is supported, found -5.1"
scheduler DPMSolverMultistepScheduler ', "lambda_min_clipped": -Infinity, "variance_type": null'
stored words_of_python class '"DPMSolverMultistepScheduler"'
mv model/scheduler_config.json model/dpm_scheduler_config.json
stored dpm_scheduler_config class '"DPMSolverMultistepScheduler"'
scheduler EulerDiscreteScheduler ', "beta_start": NaN'
refuses nan_is_no_number "beta_start: expected a number from 1e-07 to 0.5, found NaN"
scheduler EulerDiscreteScheduler; stored absent_betas_of_euler beta_end '"schedule.beta_end": 0.02'
scheduler HeunDiscreteScheduler; stored absent_betas_of_heun beta_end '"schedule.beta_end": 0.012'
scheduler LCMScheduler; stored absent_betas_of_lcm beta_schedule '"scaled_linear"'

# --- damaged files --------------------------------------------------------------------
poison() { ./poison "$here/golden/models/v1/$1" "model/$1" "$2" "$3" "$4"; }
fresh; poison pytorch_model_main.bin unet.conv_out.weight 7 nan
refuses nan_weight "unet.conv_out.weight: element 7 is not a finite number"
fresh; poison pytorch_model_vae.bin vocoder.ups.1.weight 100 inf
refuses infinite_weight "vocoder.ups.1.weight: element 100 is not a finite number"
fresh; poison pytorch_model_vae.bin quant_conv.weight 3 -70000
refuses too_large_for_f16 "quant_conv.weight: element 3 is -70000, too large for f16" -t f16
claim that_is_fine_in_bf16 0 "" ./convert model -o f.tango -t bf16
claim large_is_fine_in_f32 0 "" ./convert model -o f.tango -t f32
fresh; poison pytorch_model_vae.bin quant_conv.weight 3 3.4e38
refuses too_large_for_bf16 "quant_conv.weight: element 3 is 3.4e+38, too large for bf16" -t bf16
fresh; head -c 100000 "$here/golden/models/v1/pytorch_model_main.bin" > model/pytorch_model_main.bin
refuses truncated_archive "pytorch_model_main.bin: "
fresh; echo '{' > model/stft_config.json
refuses broken_json "stft_config.json: "
fresh; echo '[]' > model/stft_config.json
refuses json_of_another_kind "stft_config.json: expected an object"
fresh; head -c 100000 "$here/golden/models/v1/spiece.model" > model/spiece.model
refuses broken_tokenizer "spiece.model: "
fresh; rm model/spiece.model
refuses missing_file "spiece.model is missing: copy spiece.model of google/flan-t5-large"
fresh; ln -s nowhere model/defaults.json
refuses link_to_nothing "model/defaults.json: no such file"
fresh; printf 'a\377b' > model/ATTRIBUTION.md
refuses attribution_is_utf8 "attribution"
fresh; echo '{"steps": 0}' > model/defaults.json
refuses absurd_default "steps: expected a whole number from 1 to 100000, found 0"
fresh; echo '{"rescale": 1.5}' > model/defaults.json
refuses rescale_beyond_1 "rescale: expected a number from 0 to 1, found 1.5"

# --- usage and places -----------------------------------------------------------------
fresh
claim unknown_option 2 "unknown option --nosuch" ./convert model -o x.tango --nosuch
claim unknown_type 2 "expected one of f32, f16" ./convert model -o x.tango -t f64
claim no_folder 2 "no folder or file" ./convert -o x.tango
claim no_output 2 "no output" ./convert model
claim no_pipe 2 "a blob needs a file" ./convert model -o -
claim help 0 "--output FILE" ./convert -h
claim folder_missing 1 "nowhere: no such file" ./convert nowhere -o x.tango
claim output_folder_missing 1 "nowhere/" ./convert model -o nowhere/x.tango
claim nothing_was_written 1 "" test -e x.tango
claim disk_full 1 "model/x.tango: writing failed" sh -c 'ulimit -f 100; exec ./convert model -o model/x.tango'
claim disk_full_leaves_nothing 1 "" sh -c 'ls -A model | grep tango'
cp a.tango bad.tango    # one byte of the last tensor
printf '\125' | dd of=bad.tango bs=1 seek=$(($(wc -c < bad.tango) - 64)) conv=notrunc 2> /dev/null
claim inspect_names_damage 1 "vocoder.ups.4.weight" ./inspect bad.tango
claim inspect_header_only 0 "937 tensors" ./inspect --no-check bad.tango
head -c 70000 a.tango > short.tango
claim inspect_truncated 1 "short.tango: " ./inspect short.tango
claim inspect_foreign 1 "spiece.model: " ./inspect model/spiece.model
claim inspect_missing 1 "nosuch.tango" ./inspect nosuch.tango
claim inspect_usage 2 "no file given" ./inspect

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
