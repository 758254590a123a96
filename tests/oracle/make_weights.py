"""make_weights.py OUT - small weights files as the packages write them, for test_tango_io_weights.c

  state.safetensors   safetensors 0.8.0: every type that is read, metadata, a file of odd order
  state.bin           torch 2.13.0, without zip, as before torch 1.6: views, shared storages,
                      parameters, tensors with attributes, numbers of Python
  state.pt            the same as a zip archive
  lightning.ckpt      lightning 2.5.5 with settings of omegaconf 2.3.0 and NumPy 2.4.6: one step
                      of training of two numbers, two optimisers' schedules, two callbacks

Number i of a tensor is (7 i mod 11 - 5) / 4; of integers 7 i mod 11 - 5, of unsigned ones
7 i mod 11, of bool i mod 2. lightning, pytorch-lightning, lightning-utilities, torchmetrics and
omegaconf are needed for the last one only.
"""
import os
import sys
import warnings

import safetensors.torch
import torch

SHAPES = {'f32': (torch.float32, (3, 4)), 'f16': (torch.float16, (5,)),
          'bf16': (torch.bfloat16, (2, 3)), 'f64': (torch.float64, (2, 2)),
          'i8': (torch.int8, (3,)), 'i16': (torch.int16, (3,)), 'i32': (torch.int32, (1, 3)),
          'i64': (torch.int64, (3, 1)), 'u8': (torch.uint8, (7,)), 'bool': (torch.bool, (3,)),
          'scalar': (torch.float32, ()), 'empty': (torch.float32, (0, 3))}
UNSIGNED = {'u16': torch.uint16, 'u32': torch.uint32, 'u64': torch.uint64}


def tensor(dtype, shape):
    count = torch.Size(shape).numel()
    i = torch.arange(count) * 7 % 11
    if dtype == torch.bool:
        i = torch.arange(count) % 2
    elif dtype in (torch.uint8, *UNSIGNED.values()):
        pass
    else:
        i = (i - 5) / 4 if dtype.is_floating_point else i - 5
    return i.to(dtype).reshape(shape)


def state():
    """What torch.save writes: tensors of all kinds, and numbers beside them."""
    made = {name: tensor(*what) for name, what in SHAPES.items()}
    made['f32.t'] = made['f32'].t()
    made['f32.row'] = made['f32'][1, 1:]
    made['parameter'] = torch.nn.Parameter(tensor(torch.float32, (2, 3)))
    made['noted'] = torch.nn.Parameter(tensor(torch.float32, (2, 3)))
    made['noted'].note = 'x'
    made['buffer'] = torch.nn.Buffer(tensor(torch.float32, (2, 3)))
    made['u16'] = tensor(torch.uint16, (3,))
    return {'state_dict': made, 'scale_factor': 0.92, 'epoch': -3, 'ema': True, 'note': 'x'}


def lightning(out):
    import lightning.pytorch as pl
    import numpy
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
    from omegaconf import OmegaConf

    class Model(pl.LightningModule):
        def __init__(self, **kw):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1, bias=False)
            self.register_buffer('scale_factor', torch.tensor(0.92))

        def training_step(self, batch, index):
            loss = self.layer(batch[0]).sum()
            self.log('loss', loss)
            return loss

        def configure_optimizers(self):
            adam = torch.optim.AdamW(self.parameters(), lr=0.0)
            return [adam], [torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1.0),
                            torch.optim.lr_scheduler.MultiStepLR(adam, [2, 3])]

    model = Model(config=OmegaConf.create({'a': 1, 'b': {'c': [1, 2.5, None]}, 'd': '${a}'}),
                  rate=numpy.float32(0.5), table=numpy.arange(2.0), shape=torch.Size([1, 2]),
                  dtype=torch.float16)
    with torch.no_grad():
        model.layer.weight.copy_(tensor(torch.float32, (1, 2)))
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(1, 2)))
    trainer = pl.Trainer(max_epochs=1, accelerator='cpu', logger=False,
                         enable_progress_bar=False, enable_model_summary=False,
                         default_root_dir=out,
                         callbacks=[ModelCheckpoint(monitor='loss', dirpath=out + '/lightning'),
                                    EarlyStopping('loss', check_on_train_epoch_end=True)])
    trainer.fit(model, data)
    trainer.save_checkpoint(out + '/lightning.ckpt')


def main(out):
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(1)
    tensors = {name: tensor(*what) for name, what in SHAPES.items()}
    tensors |= {name: tensor(dtype, (3,)) for name, dtype in UNSIGNED.items()}
    safetensors.torch.save_file(tensors, out + '/state.safetensors', metadata={
        'format': 'pt', 'shared.weight': 'encoder.embed_tokens.weight', 'note': '\u00e4"\\\n'})
    torch.save(state(), out + '/state.pt')
    torch.save(state(), out + '/state.bin', _use_new_zipfile_serialization=False)
    warnings.filterwarnings('ignore')
    lightning(out)


main(sys.argv[1])
