#!/bin/sh
# test_convert_layouts.sh: tools/convert with checkpoints in every layout, whole and in parts.
#
#     sh tests/test_convert_layouts.sh    needs a C compiler ($CC, or cc) and nothing else
#
# Prints one line a claim, then "N passed, N failed"; the exit status is 0 if none failed. The
# same with checkpoints that the real packages write: oracle/layouts.py.
. "$(dirname "$0")/lib.sh"
here=$tests
cd "$tmp" || exit 1
programs convert inspect relayout

# says NAME STATUS TEXT COMMAND...: the command exits with STATUS and says TEXT.
says() {
    name=$1 status=$2 text=$3; shift 3
    "$@" > out 2> err; got=$?
    if [ $got -eq "$status" ] && { [ -z "$text" ] || cat out err | grep -qF -- "$text"; }; then
        passed=$((passed + 1)); echo "pass  $name"
    else
        failed=$((failed + 1)); echo "FAIL  $name"
        echo "    exit $got, expected $status and \"$text\""; head -5 out err | sed 's/^/    /'
    fi
}
refuses() { rm -f none.tango; name=$1 text=$2; shift 2
    says "$name" 1 "$text" ./convert "$@" -o none.tango -q
    [ -e none.tango ] && { failed=$((failed + 1)); echo "FAIL  $name: an output"; }; }
# same NAME A B [PERCENT]: the two blobs end with the same tensors, most of their bytes.
same() { tail -c "$(($(wc -c < "$2") * ${4:-70} / 100))" "$2" > a.end; tail -c "$(wc -c < a.end)" "$3" > b.end
    says "$1" 0 "" cmp a.end b.end; }

# --- lists of tensors -----------------------------------------------------------------
norm() { echo "$1.weight $2"; echo "$1.bias $2"; }
layer() { echo "$1.weight $2"; echo "$1.bias ${2%%x*}"; }
block() { norm "$1.norm1" "$2"; layer "$1.conv1" "$3x$2x3x3"; norm "$1.norm2" "$3"; layer "$1.conv2" "$3x$3x3x3"; }
middle() { block "$1.mid.block_1" 32 32; block "$1.mid.block_2" 32 32; norm "$1.mid.attn_1.norm" 32
    for part in q k v proj_out; do layer "$1.mid.attn_1.$part" 32x32x1x1; done; }
vae() {
    layer encoder.conv_in 32x1x3x3; block encoder.down.0.block.0 32 32; layer encoder.down.0.downsample.conv 32x32x3x3
    block encoder.down.1.block.0 32 32; middle encoder; norm encoder.norm_out 32; layer encoder.conv_out 8x32x3x3
    layer decoder.conv_in 32x4x3x3; middle decoder; for i in 0 1; do for j in 0 1; do block "decoder.up.$i.block.$j" 32 32; done; done
    layer decoder.up.1.upsample.conv 32x32x3x3; norm decoder.norm_out 32; layer decoder.conv_out 1x32x3x3
    layer quant_conv 8x8x1x1; layer post_quant_conv 4x4x1x1; }
gan() { layer conv_pre 32x64x7; c=32; i=0; n=0
    for k in 16 16 8 4 4; do
        echo "ups.$i.weight ${c}x$((c / 2))x$k"; c=$((c / 2)); echo "ups.$i.bias $c"; i=$((i + 1))
        for b in 3 7 11; do for s in 1 2; do for d in 0 1 2; do layer "resblocks.$n.convs$s.$d" "${c}x${c}x$b"; done; done; n=$((n + 1)); done
    done; layer conv_post 1x1x7; }
vae > vae.list; gan > gan.list; sed 's/^/vocoder./' gan.list | cat vae.list - > sound.list

# --- VAE and vocoder, in five layouts --------------------------------------------------
./relayout - sound.bin "" < sound.list
says a_file_of_its_own 0 "314 tensors" ./convert sound.bin -o sound.tango
claim "its scale is the published one" sh -c './inspect --no-check --json sound.tango vae.scale | grep -q 0.9227914214134216'
{ sed 's/^/first_stage_model./' sound.list; sed 's/^/first_stage_model.loss./' gan.list; echo "scale_factor 1"; echo "betas 1000"; echo "logvar 1000"
  echo "model_ema.decay 1"; } > ckpt.list
./relayout - audioldm-s-full.ckpt "" < ckpt.list
says the_parts_of_an_audioldm 0 "314 tensors" ./convert audioldm-s-full.ckpt --only vae,vocoder -o ckpt.tango
same they_are_the_same sound.tango ckpt.tango
claim "its own scale counts" sh -c './inspect --no-check --json ckpt.tango vae.scale | grep -q 0.0009765625'
claim "a latent out of range is clipped" sh -c './inspect --no-check --json ckpt.tango vae.clip_latent | grep -q "vae.clip_latent\": 1"'
./relayout - module.bin module.first_stage_model. < sound.list
says behind_a_wrapper 0 "314 tensors" ./convert module.bin -o module.tango
same behind_a_wrapper_too sound.tango module.tango
./relayout - sound.safetensors "" < sound.list
says as_safetensors 0 "314 tensors" ./convert sound.safetensors -o safe.tango
same as_safetensors_too sound.tango safe.tango
sed -e 's/\.mid\.block_1/.mid_block.resnets.0/; s/\.mid\.block_2/.mid_block.resnets.1/; s/attn_1\.norm/attn_1.group_norm/' \
    -e 's/attn_1\.q/attn_1.to_q/; s/attn_1\.k/attn_1.to_k/; s/attn_1\.v/attn_1.to_v/; s/attn_1\.proj_out/attn_1.to_out.0/' \
    -e 's/\.mid\.attn_1/.mid_block.attentions.0/; s/\(attentions.*\) 32x32x1x1/\1 32x32/; s/norm_out/conv_norm_out/' \
    -e 's/\.down\.\([01]\)\.block/.down_blocks.\1.resnets/; s/\.down\.0\.downsample/.down_blocks.0.downsamplers.0/' \
    -e 's/\.up\.0\.block/.up_blocks.1.resnets/; s/\.up\.1\.block/.up_blocks.0.resnets/; s/\.up\.1\.upsample/.up_blocks.0.upsamplers.0/' \
    vae.list > kl.list
mkdir -p folder/vae folder/vocoder
./relayout - folder/vae/diffusion_pytorch_model.safetensors "" < kl.list
echo '{"_class_name": "AutoencoderKL", "block_out_channels": [32, 32], "scaling_factor": 0.5, "norm_num_groups": 32}' > folder/vae/config.json
{ sed 's/^ups/upsampler/' gan.list; echo "mean 64"; echo "scale 64"; } > hub.list
./relayout - folder/vocoder/model.fp16.safetensors "" < hub.list
echo '{"model_type": "hifigan", "model_in_dim": 64, "sampling_rate": 16000, "upsample_rates": [5, 4, 2, 2, 2], "normalize_before": false}' > folder/vocoder/config.json
says a_folder_of_diffusers 0 "314 tensors" ./convert folder -o folder.tango
same a_folder_of_diffusers_too sound.tango folder.tango
claim "its configuration counts" sh -c './inspect --no-check --json folder.tango vae.scale | grep -q "vae.scale_factor\": 0.5"'
says a_part_of_it 0 "120 tensors" ./convert folder/vae -o part.tango
says one_part_from_elsewhere 0 "314 tensors" ./convert folder --vocoder sound.bin -o mixed.tango
same one_part_from_elsewhere_too sound.tango mixed.tango
sed 's/\.to_q/.query/; s/\.to_k/.key/; s/\.to_v/.value/; s/\.to_out\.0/.proj_attn/; s/ 32x32$/ 32x32x1x1/' kl.list |
    ./relayout - folder/vae/diffusion_pytorch_model.safetensors ""
says attention_by_its_older_names 0 "314 tensors" ./convert folder -o older.tango
same attention_by_its_older_names_too sound.tango older.tango
for kind in 'weight_v weight_g' 'parametrizations.weight.original1 parametrizations.weight.original0'; do
    awk -v kind="$kind" '{ split(kind, k); split($2, n, "x") }
        /weight/ { name = $1; sub(/weight$/, "", name); print name k[1], $2; print name k[2], n[1] "x1x1"; next } { print }' gan.list |
        ./relayout - factors.bin ""
    says "a generator in factors: $kind" 0 "194 tensors" ./convert factors.bin -o factors.tango
done
echo "embeddings.token_embedding.weight 300x24" | ./relayout - narrow.safetensors ""
refuses heads_of_a_narrow_text_encoder "the heads of a text encoder 24 wide cannot be told" narrow.safetensors
says what_is_there 0 "vocoder    audioldm  " ./convert --list audioldm-s-full.ckpt
says what_is_missing 0 "text       missing; published: google/flan-t5-large (--text)" ./convert --list audioldm-s-full.ckpt

# --- the rest of a Tango ---------------------------------------------------------------
v1=$here/golden/models/v1
cp -R "$v1" model; chmod -R u+w model
says whole 0 "937 tensors" ./convert model -o whole.tango
says without_a_text_encoder 0 "916 tensors" ./convert model --only unet,vae,vocoder -o three.tango
says one_word_a_part 2 "--only: sound is none of text, unet" ./convert model --only sound -o x.tango
rm model/text_encoder_config.json model/unet_config.json
refuses heads_are_in_no_shape "the heads of level 0, 15 of 15 channels, cannot be told" model
cp "$v1/unet_config.json" model; rm model/scheduler_config.json
refuses another_schedule_is_not_guessed "scheduler_config.json is missing: put it beside the UNet" model
says a_schedule_from_elsewhere 0 "937 tensors" ./convert model --scheduler "$v1" -o x.tango
echo '{"scheduler_name": "stabilityai/stable-diffusion-2-1"}' > model/main_config.json
says published_configurations_are_built_in 0 "937 tensors" ./convert model -o built.tango
same they_change_no_tensor whole.tango built.tango
claim "sizes of the text encoder are those of its tensors" sh -c './inspect --no-check --json built.tango text.d_kv | grep -q "text.d_kv\": 7"'
rm model/spiece.model
refuses a_tokenizer_is_needed "spiece.model is missing: copy spiece.model of google/flan-t5-large" model
says unless_no_text_is 0 "398 tensors" ./convert model --only vae,vocoder -o x.tango
says a_tokenizer_from_elsewhere 0 "937 tensors" ./convert model --tokenizer "$v1/spiece.model" -o x.tango
rm model/pytorch_model_main.bin
refuses a_missing_file_of_a_folder "pytorch_model_main.bin is missing or has none: UNet and text encoder" model
cp "$v1/pytorch_model_main.bin" pytorch_model_2.bin
says text_from_a_training 0 "21 tensors" ./convert pytorch_model_2.bin --only text --tokenizer "$v1" -o x.tango
./relayout pytorch_model_2.bin t5.safetensors "" text_encoder.
says a_text_encoder_alone 0 "21 tensors" ./convert t5.safetensors --tokenizer "$v1" -o t5.tango
says its_shards 0 "" sh -c 'mkdir shards; ./relayout pytorch_model_2.bin shards/model-00001-of-00002.safetensors encoder. text_encoder.encoder. &&
    ./relayout pytorch_model_2.bin shards/model-00002-of-00002.safetensors shared. text_encoder.shared.'
list() { for a in "shared.weight 2" "encoder.final_layer_norm.weight 1"; do
        echo "\"${a% *}\": \"model-0000${a#* }-of-00002.safetensors\","; done; }
echo "{\"weight_map\": {$(list) \"encoder.block.0.layer.0.layer_norm.weight\": \"model-00001-of-00002.safetensors\"}}" > shards/model.safetensors.index.json
says an_index_without_metadata 0 "21 tensors" ./convert shards --tokenizer "$v1" -o shards.tango
same an_index_without_metadata_too t5.tango shards.tango 15
cp t5.safetensors shards/model.safetensors
refuses whole_and_shards "model.safetensors and model.safetensors.index.json are both there" shards --tokenizer "$v1"
rm shards/model.safetensors
refuses a_shard_by_itself "one of several parts of a model: name their folder" shards/model-00001-of-00002.safetensors
rm shards/model-00002-of-00002.safetensors
refuses a_shard_is_missing "model-00002-of-00002.safetensors is missing: it holds a part" shards --tokenizer "$v1"

# --- what is no such checkpoint ---------------------------------------------------------
foreign() { echo "$2 4x4" | ./relayout - foreign.bin ""; refuses "$1" "foreign.bin: this is $3" foreign.bin; }
foreign stable_diffusion cond_stage_model.transformer.text_model.encoder.x "a model of Stable Diffusion"
foreign audioldm_2 cond_stage_models.0.model.x "a model of AudioLDM 2"
foreign mustango beat_embedding_layer.x "a model of Mustango"
foreign tangoflux transformer.single_transformer_blocks.0.x "a model of TangoFlux"
foreign lora unet.mid_block.attn.to_q.lora_A.weight "a LoRA"
echo "layers.0.weight 4x4" | ./relayout - foreign.bin ""
refuses anything_else "foreign.bin: no part of a Tango model" foreign.bin
mkdir empty; refuses nothing "empty: no part of a Tango model" empty
cp -R folder pictures; mkdir pictures/unet
echo '{"_class_name": "StableDiffusionPipeline"}' > pictures/model_index.json
echo "conv_in.weight 32x4x3x3" | ./relayout - pictures/unet/diffusion_pytorch_model.safetensors ""
refuses a_pipeline_of_another_kind "this is a model of Stable Diffusion" pictures
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n' > lfs.ckpt
refuses a_pointer "a Git LFS pointer" lfs.ckpt
cp lfs.ckpt lfs.safetensors; refuses a_pointer_by_another_name "a Git LFS pointer" lfs.safetensors
echo '<!DOCTYPE html><html></html>' > page.ckpt; refuses a_page "page.ckpt: " page.ckpt
head -c 30000 sound.safetensors > half.safetensors; refuses half_of_it "half.safetensors: " half.safetensors
head -c 30000 audioldm-s-full.ckpt > half.ckpt; refuses half_of_a_ckpt "half.ckpt: " half.ckpt
says the_output_is_an_input 1 "the same file as" ./convert model --vae sound.bin -o sound.bin --only vae
echo '{"_class_name": "AutoencoderKL", "block_out_channels": [32, 64]}' > folder/vae/config.json
refuses two_sizes "block_out_channels: level 1 has 64 channels, its tensors have 32" folder
echo '{"_class_name": "AutoencoderOobleck"}' > folder/vae/config.json
refuses another_class "_class_name: only AutoencoderKL is supported, found AutoencoderOobleck" folder
sed 's/"vocab_size": 512/"vocab_size": 2000/' "$v1/text_encoder_config.json" > text_encoder_config.json
refuses another_vocabulary "512 entries: this tokenizer is of another text encoder" t5.safetensors --tokenizer "$v1"
finish
